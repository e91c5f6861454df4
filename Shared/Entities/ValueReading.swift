import Foundation
import JSON
import Values

/// How strictly JSON becomes a value.
enum Reading {
    /// From outside: bounds, choices, unknown members.
    case strict
    /// From our own events, perhaps of a newer version: types only.
    case tolerant
}

extension FieldType {
    /// The value in `json`, or the issue; null is not asked here.
    func read(_ json: JSON, at path: JSONPointer, _ reading: Reading = .strict) throws(ValidationFailure) -> FieldValue
    {
        switch self {
        case .string, .text, .email, .phone, .url, .choice: try readText(json, path, reading)
        case .integer, .decimal: try readNumber(json, path, reading)
        case .boolean:
            if case .bool(let value) = json { .bool(value) } else { throw wrong(json, path) }
        case .money(let allowNegative):
            try FieldType.readMoney(json, path, allowNegative: allowNegative || reading == .tolerant)
        case .date: .date(try parsed(json, path, CalendarDate.init(parsing:)))
        case .timestamp: .timestamp(try parsed(json, path, Timestamp.init(parsing:)).wholeMilliseconds)
        case .uuid, .reference: .uuid(try parsed(json, path, UUID.init(parsing:)))
        case .list(let element, let maximum): try readList(json, path, reading, element, maximum)
        case .object(let schema):
            if json.object == nil { throw wrong(json, path) } else { try schema.readNested(json, path, reading) }
        case .json(let bytes): try FieldType.readFree(json, path, bytes)
        }
    }

    private func parsed<Value>(
        _ json: JSON, _ path: JSONPointer, _ parse: (String) throws(ValueError) -> Value
    ) throws(ValidationFailure) -> Value {
        guard case .string(let text) = json else { throw wrong(json, path) }
        do { return try parse(text) } catch { throw ValidationFailure([FieldIssue(path, error)]) }
    }

    private func readText(_ json: JSON, _ path: JSONPointer, _ reading: Reading) throws(ValidationFailure) -> FieldValue
    {
        guard case .string(let raw) = json else { throw wrong(json, path) }
        if reading == .tolerant { return .string(raw) }
        var multiline = false
        if case .text = self { multiline = true }
        guard let text = TextRules.cleaned(raw, multiline: multiline) else {
            throw issue(
                path, "invalidCharacters", "Leave out control characters.", zh: "请去掉控制字符。")
        }
        if text.isEmpty { return .null }
        switch self {
        case .string(let maximum), .text(let maximum):
            // A character has at least one byte, so that short text need not be counted.
            if text.utf8.count > maximum, text.unicodeScalars.count > maximum {
                throw issue(
                    path, "tooLong", "Write at most \(maximum) characters.", zh: "最多 \(maximum) 个字符。")
            }
        case .email:
            guard TextRules.isEmail(text) else {
                throw issue(
                    path, "invalidEmail", "Write an e-mail address like li@example.com.",
                    zh: "请填写有效的邮箱地址，例如 li@example.com。")
            }
        case .phone:
            guard TextRules.isPhone(text) else {
                throw issue(
                    path, "invalidPhone", "Write a phone number of 5 to 20 digits like +86 138 0013 8000.",
                    zh: "请填写 5 至 20 位数字的电话号码，例如 138 0013 8000。")
            }
        case .url:
            guard TextRules.isURL(text) else {
                throw issue(
                    path, "invalidUrl", "Write an address like https://example.com/.",
                    zh: "请填写网址，例如 https://example.com/。")
            }
        case .choice(let choices):
            guard choices.contains(where: { $0.value == text }) else {
                let known = choices.map(\.value).joined(separator: ", ")
                throw issue(path, "unknownChoice", "Write one of: \(known).", zh: "可选值：\(known)。")
            }
        default: break
        }
        return .string(text)
    }

    private func readNumber(_ json: JSON, _ path: JSONPointer, _ reading: Reading) throws(ValidationFailure)
        -> FieldValue
    {
        switch (self, json) {
        case (.integer(let range), .int(let value)):
            if reading == .strict, !range.contains(value) {
                throw outOfRange(path, "\(range.lowerBound)", "\(range.upperBound)")
            }
            return .int(value)
        case (.decimal(let range, let digits), _):
            guard let value = json.double else { throw wrong(json, path) }
            if reading == .strict {
                guard range.contains(value) else {
                    throw outOfRange(path, range.lowerBound.plainText, range.upperBound.plainText)
                }
                let scale = pow(10, Double(digits))
                guard abs(value * scale - (value * scale).rounded()) < 1e-6 * max(1, abs(value)) else {
                    throw issue(
                        path, "tooManyDigits", "Write at most \(digits) digits after the point.",
                        zh: "小数最多 \(digits) 位。")
                }
            }
            return .double(value)
        default: throw wrong(json, path)
        }
    }

    private static func readMoney(
        _ json: JSON, _ path: JSONPointer, allowNegative: Bool
    ) throws(ValidationFailure) -> FieldValue {
        guard case .object(let members) = json else { throw FieldType.money.wrong(json, path) }
        var issues = members.names.filter { $0 != "amount" && $0 != "currency" }
            .map { FieldIssue.unknown(path / $0, $0, known: ["amount", "currency"]) }
        for name in ["amount", "currency"] {
            switch members[name] {
            case .string: break
            case nil: issues.append(.required(path / name))
            case let other?: issues.append(.wrongType(path / name, wanted: ("a string", "字符串"), got: other))
            }
        }
        guard issues.isEmpty, let amount = members["amount"]?.string, let code = members["currency"]?.string else {
            throw ValidationFailure(issues)
        }
        let currency: Currency
        do { currency = try Currency(code: code) } catch {
            throw ValidationFailure([FieldIssue(path / "currency", error)])
        }
        do { return .money(try Money(amount: amount, currency: currency, allowNegative: allowNegative)) } catch {
            throw ValidationFailure([FieldIssue(path / "amount", error)])
        }
    }

    private func readList(
        _ json: JSON, _ path: JSONPointer, _ reading: Reading, _ element: FieldType, _ maximum: Int
    ) throws(ValidationFailure) -> FieldValue {
        guard case .array(let elements) = json else { throw wrong(json, path) }
        guard elements.count <= maximum || reading == .tolerant else {
            throw issue(path, "tooMany", "Give at most \(maximum).", zh: "最多 \(maximum) 项。")
        }
        var values: [FieldValue] = []
        var issues: [FieldIssue] = []
        values.reserveCapacity(elements.count)
        for (index, one) in elements.enumerated() {
            do throws(ValidationFailure) {
                let value = try element.read(one, at: path / index, reading)
                if value.isNull { issues.append(.required(path / index)) } else { values.append(value) }
            } catch { issues += error.issues }
        }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
        return .list(values)
    }

    private static func readFree(_ json: JSON, _ path: JSONPointer, _ bytes: Int) throws(ValidationFailure)
        -> FieldValue
    {
        guard json.serialize().count <= bytes else {
            throw FieldType.json.issue(
                path, "tooLong", "Write at most \(bytes) bytes of JSON.", zh: "JSON 最多 \(bytes) 字节。")
        }
        return .json(json)
    }

    // MARK: Issues

    private func issue(_ path: JSONPointer, _ code: String, _ english: String, zh: String) -> ValidationFailure {
        ValidationFailure([FieldIssue(path, code, english, zh: zh)])
    }

    private func outOfRange(_ path: JSONPointer, _ low: String, _ high: String) -> ValidationFailure {
        issue(path, "outOfRange", "Write a number from \(low) to \(high).", zh: "数值须在 \(low) 至 \(high) 之间。")
    }

    private func wrong(_ json: JSON, _ path: JSONPointer) -> ValidationFailure {
        ValidationFailure([.wrongType(path, wanted: wanted, got: json)])
    }

    private var wanted: (en: String, zh: String) {
        switch self {
        case .integer: ("a whole number", "整数")
        case .decimal: ("a number", "数值")
        case .boolean: ("true or false", "true 或 false")
        case .money:
            (
                "an object like {\"amount\": \"1054.00\", \"currency\": \"CNY\"}",
                "形如 {\"amount\": \"1054.00\", \"currency\": \"CNY\"} 的对象"
            )
        case .date: ("a date like \"2026-01-31\"", "日期（如 \"2026-01-31\"）")
        case .timestamp: ("a time like \"2026-01-31T09:30:00Z\"", "时间（如 \"2026-01-31T09:30:00Z\"）")
        case .list: ("an array", "数组")
        case .object: ("an object", "对象")
        case .uuid, .reference: ("an id", "标识")
        default: ("a string", "字符串")
        }
    }
}

extension Double {
    /// Without a needless `.0`.
    var plainText: String { self == rounded() && magnitude < 1e15 ? "\(Int64(self))" : "\(self)" }
}
