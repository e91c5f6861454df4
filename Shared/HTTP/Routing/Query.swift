import Foundation
import Values

/// The query of a request, decoded once, in order.
public struct Query: Sendable {
    public struct Item: Sendable, Hashable {
        public let name: String
        public let value: String
    }

    public let items: [Item]

    /// - Throws: a 400 problem for a broken `%` sequence or text that is not UTF-8.
    public init(parsing text: String?) throws(Problem) {
        var items: [Item] = []
        for pair in (text ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let parts = Substring(pair).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(parts[0], plusIsSpace: true),
                let value = PercentCoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { throw Self.malformed(String(parts[0])) }
            items.append(Item(name: name, value: value))
        }
        self.items = items
    }

    /// Every value sent for `name`.
    public func values(_ name: String) -> [String] {
        items.lazy.filter { $0.name == name }.map(\.value)
    }

    /// The value of `name`; nil when not sent.
    /// - Throws: a 400 problem when it was sent more than once.
    public func string(_ name: String) throws(Problem) -> String? {
        let values = values(name)
        guard values.count < 2 else {
            throw .parameter(
                name, code: "repeated", .init(en: "Send \(name) once.", zh: "参数 \(name) 只能出现一次。"))
        }
        return values.first
    }

    /// A parameter that must be sent.
    public func required(_ name: String) throws(Problem) -> String {
        guard let value = try string(name), !value.isEmpty else {
            throw .parameter(
                name, code: "required", .init(en: "The parameter \(name) is required.", zh: "缺少参数 \(name)。"))
        }
        return value
    }

    public func int(_ name: String, _ range: ClosedRange<Int>, default value: Int) throws(Problem) -> Int {
        try int(name, range) ?? value
    }

    /// nil when it was not given.
    public func int(_ name: String, _ range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = try string(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw .parameter(
                name, code: "range",
                .init(
                    en: "\(name) must be an integer from \(range.lowerBound) to \(range.upperBound).",
                    zh: "\(name) 必须是 \(range.lowerBound) 到 \(range.upperBound) 之间的整数。"))
        }
        return number
    }

    public func bool(_ name: String, default value: Bool = false) throws(Problem) -> Bool {
        switch try string(name) {
        case nil: return value
        case "true", "": return true
        case "false": return false
        default:
            throw .parameter(
                name, code: "type", .init(en: "\(name) must be true or false.", zh: "\(name) 必须是 true 或 false。"))
        }
    }

    public func uuid(_ name: String) throws(Problem) -> UUID? {
        guard let text = try string(name) else { return nil }
        return try parsed(name, text, UUID.init(parsing:))
    }

    public func timestamp(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = try string(name) else { return nil }
        return try parsed(name, text, Timestamp.init(parsing:))
    }

    public func date(_ name: String) throws(Problem) -> CalendarDate? {
        guard let text = try string(name) else { return nil }
        return try parsed(name, text, CalendarDate.init(parsing:))
    }

    /// One of the cases of an enumeration of words.
    public func choice<Choice>(_ name: String, of type: Choice.Type = Choice.self) throws(Problem) -> Choice?
    where Choice: RawRepresentable & CaseIterable, Choice.RawValue == String {
        guard let text = try string(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw .parameter(
                name, code: "choice", .init(en: "\(name) must be one of \(words).", zh: "\(name) 必须是 \(words) 之一。"))
        }
        return choice
    }

    /// The words of a comma-separated list; empty when not sent.
    public func list(_ name: String) throws(Problem) -> [String] {
        try string(name).map { $0.split(separator: ",").map(String.init) } ?? []
    }

    private static func malformed(_ name: String) -> Problem {
        .parameter(
            name, code: "encoding",
            .init(
                en: "The query is not valid percent-encoded UTF-8 near “\(name.prefix(40))”.",
                zh: "查询参数 “\(name.prefix(40))” 附近不是有效的 UTF-8 百分号编码。"))
    }
}

/// A value parsed from a parameter; a refusal becomes a 400 problem that names the parameter.
func parsed<Value>(
    _ name: String, _ text: String, _ parse: (String) throws(ValueError) -> Value
) throws(Problem) -> Value {
    do {
        return try parse(text)
    } catch {
        throw .parameter(
            name, code: error.code,
            .init(en: "\(name): \(error.english)", zh: "\(name)：\(error.chinese)"))
    }
}
