import COpenSSL

/// A password's scrypt hash as text, `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`: the cost is stored beside the hash, so
/// that it can be raised later without invalidating anybody's password.
///
/// Hashing and checking take some 200 ms of CPU on purpose: call them through `Blocking.run`, never on a loop.
public struct PasswordHash: Sendable, Hashable, CustomStringConvertible {
    /// scrypt's cost: N = 2^`log2N`, block size `r`, parallelism `p`; memory is 128 · N · r bytes.
    public struct Cost: Sendable, Hashable {
        public let log2N: Int
        public let r: Int
        public let p: Int

        /// Answers nil for a cost that is too small to protect or large enough to exhaust the machine.
        public init?(log2N: Int, r: Int, p: Int) {
            guard (10...18).contains(log2N), (1...16).contains(r), (1...8).contains(p) else { return nil }
            (self.log2N, self.r, self.p) = (log2N, r, p)
        }

        private init(trusted log2N: Int, _ r: Int, _ p: Int) { (self.log2N, self.r, self.p) = (log2N, r, p) }

        /// 32 MiB, the cost OWASP's password cheat sheet asks for.
        public static let standard = Cost(trusted: 15, 8, 3)
        /// For tests and demo data: a few milliseconds.
        public static let light = Cost(trusted: 10, 8, 1)
    }

    public let cost: Cost
    private let salt: [UInt8]
    private let hash: [UInt8]

    /// Hashes `password` with a new random salt.
    public init(of password: String, cost: Cost = .standard) throws(SecurityError) {
        let salt = SecureRandom.bytes(16)
        self.cost = cost
        self.salt = salt
        hash = try Self.derive(password, salt: salt, cost: cost)
    }

    /// Reads a stored hash; nil when the text is not one.
    public init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt" else { return nil }
        let numbers = parts[2].split(separator: ",").map { $0.split(separator: "=") }
        guard numbers.count == 3, numbers.allSatisfy({ $0.count == 2 }),
            numbers.map({ $0[0] }) == ["ln", "r", "p"],
            let log2N = Int(numbers[0][1]), let r = Int(numbers[1][1]), let p = Int(numbers[2][1]),
            let cost = Cost(log2N: log2N, r: r, p: p),
            let salt = Base64URL.decode(parts[3]), salt.count >= 8,
            let hash = Base64URL.decode(parts[4]), hash.count == 32
        else { return nil }
        (self.cost, self.salt, self.hash) = (cost, salt, hash)
    }

    /// The text to store.
    public var description: String {
        "$scrypt$ln=\(cost.log2N),r=\(cost.r),p=\(cost.p)$\(Base64URL.encode(salt))$\(Base64URL.encode(hash))"
    }

    public func matches(_ password: String) throws(SecurityError) -> Bool {
        constantTimeEquals(try Self.derive(password, salt: salt, cost: cost), hash)
    }

    /// Checks a log-in against what is stored for the user, if anything. Without a stored hash the same work is
    /// done and the answer is false, so that its duration does not tell which users exist.
    public static func check(_ password: String, against stored: PasswordHash?) throws(SecurityError) -> Bool {
        guard let stored else {
            _ = try derive(password, salt: [UInt8](repeating: 0, count: 16), cost: .standard)
            return false
        }
        return try stored.matches(password)
    }

    /// `EVP_PBE_scrypt` of OpenSSL.
    private static func derive(_ password: String, salt: [UInt8], cost: Cost) throws(SecurityError) -> [UInt8] {
        let bytes = [UInt8](password.utf8).map { CChar(bitPattern: $0) }
        var key = [UInt8](repeating: 0, count: 32)
        let (n, r, p) = (UInt64(1) << UInt64(cost.log2N), UInt64(cost.r), UInt64(cost.p))
        let memory = 128 * r * (n + p + 2) + 1 << 20
        guard EVP_PBE_scrypt(bytes, bytes.count, salt, salt.count, n, r, p, memory, &key, key.count) == 1 else {
            throw .outOfMemory
        }
        return key
    }
}
