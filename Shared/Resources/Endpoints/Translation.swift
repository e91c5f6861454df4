import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import ServiceKit
import Values

extension Problem {
    /// The answer to an error of a lower module, for a router's `translate`; nil for what is nobody's fault but ours.
    public init?(translating error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let failure as ValidationFailure: self = .validation(failure.issues.map(FieldError.init))
        case let issue as FieldIssue: self = .validation([FieldError(issue)])
        case let refusal as Refusal: self.init(refusal)
        case let error as PostgresError where error.sqlState == WriteState.uniqueViolation:
            self.init(duplicateOf: error.constraint ?? "")
        case let error as PostgresError where error.sqlState == WriteState.foreignKeyViolation:
            self.init(unknownReference: error.constraint ?? "")
        default:
            guard let problem = DatabaseProblems.problem(for: error) else { return nil }
            self = problem
        }
    }

    private init(_ refusal: Refusal) {
        let text = LocalizedText(en: refusal.english, zh: refusal.chinese)
        let type: ProblemType =
            switch refusal.kind {
            case .state: .conflict
            case .rule: .ruleViolated
            case .forbidden: .forbidden
            }
        self.init(
            type, text, errors: [FieldError(refusal.path, code: refusal.code, text)],
            extras: ["reason": .string(refusal.code)])
    }

    /// Foreign keys are named `<table>_<column>_fkey` (`contacts_account_id_fkey`).
    private init(unknownReference constraint: String) {
        let field = Self.field(of: constraint)
        self = .unknownReference(field.map { "/\($0)" } ?? "", nil)
    }

    /// The field that a constraint's name means.
    private static func field(of constraint: String) -> String? {
        let words = constraint.split(separator: "_").dropFirst().dropLast()
        return words.first.map { first in
            first + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        }
    }

    /// Unique indexes are named `<table>_<field>_key` (`leads_external_id_key`).
    private init(duplicateOf constraint: String) {
        let field = Self.field(of: constraint)
        let text = LocalizedText(
            en: "Another object has this \(field ?? "value") already.",
            zh: "已有其他对象使用了该\(field.map { " \($0) " } ?? "值")。")
        self.init(.duplicate, text, errors: field.map { [FieldError("/\($0)", code: "duplicate", text)] } ?? [])
    }
}

extension FieldError {
    init(_ issue: FieldIssue) {
        self.init(issue.path, code: issue.code, .init(en: issue.english, zh: issue.chinese))
    }
}
