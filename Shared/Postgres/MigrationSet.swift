import Foundation

/// One numbered step of a schema.
public struct Migration: Sendable, Hashable {
    public let number: Int
    public let name: String
    /// SQL with `{{placeholders}}`.
    public let text: String
    /// The same in batches, for a tenant that is at work meanwhile: one statement that changes some rows and returns them,
    /// repeated in transactions of its own until it returns none. Stopped in between, what is left is what it finds.
    public let repeated: String?

    public init(number: Int, name: String, text: String, repeated: String? = nil) {
        self.number = number
        self.name = name
        self.text = text
        self.repeated = repeated
    }

    /// Tells whether a migration was changed after it ran.
    public var checksum: String {
        // FNV-1a: against mistakes, not attackers.
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }

    /// The statements, with each `{{name}}` replaced.
    public func statements(_ placeholders: [String: String]) throws(MigrationError) -> [SQL] {
        try statements(text, placeholders)
    }

    /// The statement of ``repeated``, nil when there is none.
    public func batch(_ placeholders: [String: String]) throws(MigrationError) -> SQL? {
        guard let repeated else { return nil }
        let statements = try statements(repeated, placeholders)
        guard statements.count == 1 else {
            throw MigrationError("What is repeated of migration \(name) is one statement, not \(statements.count).")
        }
        return statements[0]
    }

    private func statements(_ text: String, _ placeholders: [String: String]) throws(MigrationError) -> [SQL] {
        var result = text
        for (name, value) in placeholders { result = result.replacing("{{\(name)}}", with: value) }
        if let unknown = result.firstMatch(of: /\{\{\w*\}\}/) {
            throw MigrationError("Migration \(name) uses \(unknown.output), which does not exist.")
        }
        return SQLScript(result).statements
    }
}

/// The migrations of one module or service: `shared/` run once in a database, `tenant/` once in each tenant's schema.
///
/// Several sets make up a database; each counts its own numbers.
public struct MigrationSet: Sendable, Hashable {
    public let name: String
    public let shared: [Migration]
    public let tenant: [Migration]

    public init(name: String, shared: [Migration] = [], tenant: [Migration] = []) throws(MigrationError) {
        self.name = name
        self.shared = try MigrationSet.ordered(shared)
        self.tenant = try MigrationSet.ordered(tenant)
    }

    /// Reads `shared/0001_name.sql` and `tenant/0001_name.sql` and so on in `folder`, and beside a tenant's one
    /// `0001_name.repeated.sql`: see ``Migration/repeated``.
    public init(name: String, folder: URL) throws(MigrationError) {
        try self.init(
            name: name, shared: MigrationSet.read(folder.appending(path: "shared")),
            tenant: MigrationSet.read(folder.appending(path: "tenant")))
    }

    private static func read(_ folder: URL) throws(MigrationError) -> [Migration] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        var (migrations, repeated) = ([Migration](), [String: String]())
        for file in names.sorted() where file.hasSuffix(".sql") {
            // "0001_name.repeated.sql" comes before "0001_name.sql".
            guard let match = file.firstMatch(of: /^((\d+)_(\w+))(\.repeated)?\.sql$/), let number = Int(match.2),
                let text = try? String(contentsOf: folder.appending(path: file), encoding: .utf8)
            else { throw MigrationError("\(file) in \(folder.path) cannot be read, or is not called 0001_name.sql.") }
            let key = String(match.1)
            guard match.4 == nil else {
                repeated[key] = text
                continue
            }
            migrations.append(
                Migration(
                    number: number, name: String(match.3), text: text, repeated: repeated.removeValue(forKey: key)))
        }
        guard let alone = repeated.keys.min() else { return migrations }
        throw MigrationError("\(alone).repeated.sql in \(folder.path) repeats no \(alone).sql.")
    }

    private static func ordered(_ migrations: [Migration]) throws(MigrationError) -> [Migration] {
        let sorted = migrations.sorted { $0.number < $1.number }
        for (index, migration) in sorted.enumerated() where migration.number != index + 1 {
            throw MigrationError("Migrations are numbered 1, 2, 3 …: \(migration.name) has number \(migration.number).")
        }
        return sorted
    }
}

/// Migrations that cannot be run as they are.
public struct MigrationError: Error, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
