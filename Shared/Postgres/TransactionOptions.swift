/// How a transaction runs.
public struct TransactionOptions: Sendable, Hashable {
    public enum Isolation: String, Sendable {
        case readCommitted = "read committed"
        case repeatableRead = "repeatable read"
        case serializable = "serializable"
    }

    public var isolation = Isolation.readCommitted
    public var readOnly = false
    /// For each statement, instead of the configuration's.
    public var statementTimeout: Duration?
    public var lockTimeout: Duration?
    /// How often in all the transaction is tried when it meets another (`40001`, `40P01`).
    public var attempts = 5
    /// Whether a commit waits for the disk. Without, it is as atomic as ever, but a crash of the server may undo the
    /// last of them, as if they had not been: for what is done again then, by an offset that is undone with it.
    public var isDurable = true

    public init(
        isolation: Isolation = .readCommitted, readOnly: Bool = false, statementTimeout: Duration? = nil,
        lockTimeout: Duration? = nil
    ) {
        self.isolation = isolation
        self.readOnly = readOnly
        self.statementTimeout = statementTimeout
        self.lockTimeout = lockTimeout
    }

    public static let write = TransactionOptions()
    /// One statement each sees what is committed then; nothing can be written.
    public static let read = TransactionOptions(readOnly: true)
    /// All statements see the same moment; nothing can be written.
    public static let snapshot = TransactionOptions(isolation: .repeatableRead, readOnly: true)

    /// What opens the transaction.
    var begin: SQL {
        switch (isolation, readOnly) {
        case (.readCommitted, false): "begin"
        case (.readCommitted, true): "begin read only"
        case (_, false): SQL(raw: "begin isolation level \(isolation.rawValue)")
        case (_, true): SQL(raw: "begin isolation level \(isolation.rawValue), read only")
        }
    }

    /// The statements before the first of the transaction's own.
    func opening(role: DatabaseRole?) -> [SQL] {
        var statements = [begin]
        if let role { statements.append(.setRole(role.name)) }
        if let statementTimeout {
            statements.append(SQL(raw: "set local statement_timeout = \(statementTimeout.milliseconds)"))
        }
        if !isDurable { statements.append("set local synchronous_commit = off") }
        if let lockTimeout { statements.append(SQL(raw: "set local lock_timeout = \(lockTimeout.milliseconds)")) }
        return statements
    }
}

extension SQL {
    static func setRole(_ name: String) -> SQL { SQL(raw: "set local role " + quoted(name)) }
}
