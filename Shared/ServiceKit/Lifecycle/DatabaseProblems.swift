import HTTP
import Postgres
import Tenancy

/// What a client learns of a database that cannot do what was asked.
public enum DatabaseProblems {
    /// The problem of an error of Postgres or Tenancy; nil for those that nobody expects.
    public static func problem(for error: any Error) -> Problem? {
        switch error {
        case let error as PostgresError where error.isUnavailable: Problem(.unavailable, retryAfter: .seconds(1))
        case let error as PostgresError: answer(sqlState: error.sqlState)
        case let error as TenancyError: answer(to: error)
        default: nil
        }
    }

    // Not named `problem(for:)`, too: overloads that differ in the argument alone would call each other.
    private static func answer(to error: TenancyError) -> Problem {
        switch error {
        // Its tokens are refused at the gateway; here it may be a moment earlier or later.
        case .unknown: Problem(.notFound)
        case .suspended: Problem(.tenantSuspended)
        case .slugTaken(let slug):
            Problem(
                .duplicate,
                .init(en: "Another tenant has the slug \(slug); choose another.", zh: "短名 \(slug) 已被占用，请更换。"),
                errors: [
                    FieldError("/slug", code: "taken", .init(en: "Choose another slug.", zh: "请更换短名。"))
                ])
        case .moving: Problem(.unavailable, retryAfter: .seconds(1))
        case .notPrepared, .tooManyConnections, .unknownServer: Problem(.unavailable, retryAfter: .seconds(5))
        }
    }

    private static func answer(sqlState: String) -> Problem? {
        switch sqlState {
        case SQLState.queryCanceled, SQLState.lockNotAvailable: Problem(.deadlineExceeded, retryAfter: .seconds(1))
        case SQLState.badUTF8: Problem(.malformedRequest, .init(en: "Texts cannot hold NUL.", zh: "文本不能包含 NUL 字符。"))
        default: nil
        }
    }
}

extension ProblemType {
    public static let tenantSuspended = ProblemType(
        "tenantSuspended", 403,
        title: .init(en: "Suspended", zh: "租户已停用"),
        advice: .init(
            en: "The tenant is suspended: ask the operator of this installation.", zh: "该租户已被停用，请联系平台管理员。"))
}
