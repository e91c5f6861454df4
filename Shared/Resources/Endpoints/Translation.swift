import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

extension Problem {
    /// The answer to an error of a lower module, for a router's `translate`; nil for what is nobody's fault but ours.
    public init?(translating error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let failure as ValidationFailure: self = .validation(failure.issues.map(FieldError.init))
        case let issue as FieldIssue: self = .validation([FieldError(issue)])
        case let refusal as Refusal: self.init(refusal)
        case let error as TenancyError: self.init(error)
        case let error as PostgresError: self.init(database: error)
        default: return nil
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

    private init(_ error: TenancyError) {
        switch error {
        case .unknown: self.init(.notFound)
        case .suspended:
            self.init(
                .forbidden,
                .init(en: "This tenant is suspended; ask the platform's operators.", zh: "该租户已暂停，请联系平台运维人员。"))
        case .slugTaken(let slug):
            self.init(
                .duplicate,
                .init(en: "Another tenant is called \(slug); choose another slug.", zh: "标识 \(slug) 已被占用，请更换。"))
        case .notPrepared: self.init(.unavailable, retryAfter: .seconds(5))
        }
    }

    private init?(database error: PostgresError) {
        if error.isUnavailable {
            self.init(.unavailable, retryAfter: .seconds(1))
        } else if error.sqlState == SQLState.lockNotAvailable || error.sqlState == SQLState.queryCanceled {
            self.init(.deadlineExceeded, retryAfter: .seconds(1))
        } else if error.sqlState == WriteState.uniqueViolation {
            self.init(duplicateOf: error.constraint ?? "")
        } else {
            return nil
        }
    }

    /// Unique indexes are named `<table>_<field>_key` (`leads_external_id_key`).
    private init(duplicateOf constraint: String) {
        let words = constraint.split(separator: "_").dropFirst().dropLast()
        let field = words.first.map { first in
            first + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        }
        let text = LocalizedText(
            en: "Another object has this \(field.map(String.init) ?? "value") already.",
            zh: "已有其他对象使用了该\(field.map { " \($0) " } ?? "值")。")
        self.init(.duplicate, text, errors: field.map { [FieldError("/\($0)", code: "duplicate", text)] } ?? [])
    }
}

extension FieldError {
    init(_ issue: FieldIssue) {
        self.init(issue.path, code: issue.code, .init(en: issue.english, zh: issue.chinese))
    }
}
