import JSON
import Values

/// One thing wrong with what was sent: where, what, and what to write instead.
public struct FieldIssue: Error, Sendable, Hashable {
    /// A JSON pointer into the body (`/amount/currency`), or the name of a query parameter.
    public let path: String
    /// Stable and machine-readable.
    public let code: String
    public let english: String
    public let chinese: String

    public init(_ path: String, _ code: String, _ english: String, zh chinese: String) {
        self.path = path
        self.code = code
        self.english = english
        self.chinese = chinese
    }

    init(_ path: JSONPointer, _ code: String, _ english: String, zh chinese: String) {
        self.init(path.description, code, english, zh: chinese)
    }

    init(_ path: JSONPointer, _ error: ValueError) {
        self.init(path.description, error.code, error.english, zh: error.chinese)
    }

    static func required(_ path: JSONPointer) -> FieldIssue {
        FieldIssue(path, "required", "This must be given.", zh: "此项必填。")
    }

    static func unknown(_ path: JSONPointer, _ name: String, known: [String]) -> FieldIssue {
        let close = known.first { $0.lowercased() == name.lowercased() }
        return FieldIssue(
            path, "unknownField",
            "There is no field \"\(name.prefix(60))\" here\(close.map { "; did you mean \"\($0)\"?" } ?? ".")",
            zh: "此处没有字段“\(name.prefix(60))”\(close.map { "，是否指“\($0)”？" } ?? "。")")
    }

    public static func readOnly(_ path: JSONPointer) -> FieldIssue {
        FieldIssue(path, "readOnly", "The system sets this: leave it out.", zh: "此项由系统设置，请勿填写。")
    }

    static func wrongType(_ path: JSONPointer, wanted: (en: String, zh: String), got: JSON) -> FieldIssue {
        FieldIssue(
            path, "wrongType", "Write \(wanted.en) here, not \(got.isNull ? "null" : "a JSON \(got.kind)").",
            zh: "此处须为\(wanted.zh)，不能是 JSON \(got.kind)。")
    }
}

/// Everything wrong with what was sent; never empty.
public struct ValidationFailure: Error, Sendable, Hashable, CustomStringConvertible {
    public let issues: [FieldIssue]

    /// So many are told at once.
    public static let mostIssues = 100

    public init(_ issues: [FieldIssue]) { self.issues = Array(issues.prefix(Self.mostIssues)) }

    /// The first of them, for one row of many.
    public var brief: ValidationFailure { ValidationFailure(Array(issues.prefix(10))) }

    public var description: String { issues.map { "\($0.path): \($0.english)" }.joined(separator: " ") }
}
