import HTTP
import Runtime
import Security

/// Hashes and checks passwords off the loops. Each takes some 200 ms of CPU and 32 MB: for endpoints that are heavy.
struct Passwords: Sendable {
    private let cost: PasswordHash.Cost

    init(cost: PasswordHash.Cost) { self.cost = cost }

    func hash(_ password: String) async throws -> String {
        let cost = cost
        return try await Blocking.run { try PasswordHash(of: password, cost: cost).description }
    }

    /// False without a stored hash, after the same work as with one.
    func check(_ password: String, against stored: String?) async throws -> Bool {
        let stored = stored.flatMap { PasswordHash($0) }
        return try await Blocking.run { try PasswordHash.check(password, against: stored) }
    }

    /// Refuses a password that is too short to be one, or too long to hash.
    static func requireStrong(_ password: String) throws(Problem) {
        guard (10...256).contains(password.unicodeScalars.count) else {
            let message = LocalizedText(
                en: "Choose a password of 10 to 256 characters.", zh: "密码长度须为 10 到 256 个字符。")
            throw .validation([FieldError("/password", code: "length", message)])
        }
    }
}
