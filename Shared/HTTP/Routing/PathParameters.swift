import Foundation
import Values

/// The values of a path's `{name}` segments, decoded once, after the route was found.
public struct PathParameters: Sendable {
    private let names: [String]
    private let values: [String]

    init(names: [String], segments: [Substring]) throws(Problem) {
        self.names = names
        var values: [String] = []
        for segment in segments {
            guard let value = PercentCoding.decode(segment), !value.isEmpty else {
                throw Problem(
                    .malformedRequest,
                    .init(
                        en: "The path is not valid percent-encoded UTF-8.", zh: "请求路径不是有效的 UTF-8 百分号编码。"))
            }
            values.append(value)
        }
        self.values = values
    }

    /// The value of the parameter `name`, which the endpoint's path must declare.
    public func string(_ name: String) -> String {
        guard let index = names.firstIndex(of: name) else {
            preconditionFailure("The path declares no parameter {\(name)}.")
        }
        return values[index]
    }

    /// - Throws: a 400 problem that shows how an id looks.
    public func uuid(_ name: String) throws(Problem) -> UUID {
        try parsed(name, string(name), UUID.init(parsing:))
    }

    public func int(_ name: String, _ range: ClosedRange<Int>) throws(Problem) -> Int {
        guard let number = Int(string(name)), range.contains(number) else {
            throw .parameter(
                name, code: "range",
                .init(
                    en: "\(name) must be an integer from \(range.lowerBound) to \(range.upperBound).",
                    zh: "\(name) 必须是 \(range.lowerBound) 到 \(range.upperBound) 之间的整数。"))
        }
        return number
    }
}
