import Postgres
import Runtime

/// Makes a service's database ready: the database, its roles and logins, the fences, the shared migrations.
///
/// Runs as superuser, as often as one likes: what is there already stays. Everything but this runs without superuser.
public struct Bootstrap: Sendable {
    private let superuser: PostgresConfiguration
    private let loginPassword: String?
    private let contracts: Bool
    private let group: EventLoopGroup

    /// - Parameters:
    ///   - superuser: how to enter the server as superuser, on any database that is there (`postgres`).
    ///   - loginPassword: the password of the service's logins; without one they have none (trusted sockets).
    ///   - contracts: whether to take away what only earlier releases need, which must not run any more then.
    public init(
        superuser: PostgresConfiguration, loginPassword: String?, contracts: Bool = false, group: EventLoopGroup
    ) {
        self.contracts = contracts
        var patient = superuser
        patient.connectionsPerLoop = 2
        // Bootstraps of other databases of the server go first, as many as there are.
        patient.lockTimeout = .seconds(300)
        patient.statementTimeout = .seconds(600)
        self.superuser = patient
        self.loginPassword = loginPassword
        self.group = group
    }

    /// Prepares `database` with tenancy's own migrations and those of `sets`, in this order; answers the names of the
    /// migrations that ran.
    @discardableResult
    public func prepare(database name: String, sets: [MigrationSet] = []) async throws -> [String] {
        let roles = RoleNames(database: name)
        let maintenance = PostgresDatabase(group: group, configuration: superuser)
        let database = PostgresDatabase(group: group, configuration: superuser.with(database: name))
        let outcome: Result<[String], any Error>
        do {
            try await createDatabase(name, on: maintenance, roles)
            outcome = .success(try await Self.prepare(database, [DirectorySchema.migrations()] + sets, roles))
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        await maintenance.close()
        return try outcome.get()
    }

    /// Fences, then shared migrations. One that meets somebody's long work on the same table stands back and tries again,
    /// so that those who waited behind it go first.
    private static func prepare(
        _ database: PostgresDatabase, _ sets: [MigrationSet], _ roles: RoleNames
    ) async throws -> [String] {
        var attempt = 1
        while true {
            do {
                // Apart, because they take long and tables are not to be locked meanwhile. Those of two runs at once
                // would change the same rows of the catalogues.
                _ = try await database.withTransaction(options: options) { transaction in
                    try await transaction.query("select pg_advisory_xact_lock(\(lock))")
                    return try await transaction.pipeline(Fences.statements(roles) + doors(roles))
                }
                return try await database.withTransaction(options: options) { transaction in
                    try await transaction.query("select pg_advisory_xact_lock(\(lock))")
                    try await transaction.query("set local lock_timeout = '500ms'")
                    _ = try await transaction.pipeline(DirectorySchema.schema(roles) + RoleMaking.functions(roles))
                    _ = try await transaction.pipeline(DirectorySchema.base(roles))
                    return try await migrate(sets, roles, transaction)
                }
            } catch let error as PostgresError where error.sqlState == SQLState.lockNotAvailable && attempt < 20 {
                attempt += 1
                try await Task.sleep(for: .milliseconds(100 * attempt))
            }
        }
    }

    private static let lock: Int64 = 0x6775_616e_7869_0001
    private static let options = TransactionOptions(statementTimeout: .seconds(600), lockTimeout: .seconds(60))

    // MARK: The database and its roles

    private func createDatabase(_ name: String, on maintenance: PostgresDatabase, _ roles: RoleNames) async throws {
        let commands = roleCommands(roles)
        try await maintenance.withConnection { session in
            try await session.query("select pg_advisory_lock(\(Self.lock))")
            let existing = try await session.query(
                "select rolname::text from pg_roles where starts_with(rolname, \(name + "_"))")
            let names = Set(try existing.map { try $0.get(0, as: String.self) })
            for command in commands where command.role.map({ !names.contains($0) }) ?? true {
                try await session.query(command.sql)
            }
            // Services enter as all of them with one password.
            let further = names.filter {
                $0.hasPrefix(roles.appPrefix) && Int($0.dropFirst(roles.appPrefix.count)) != nil
            }
            for login in further.union(roles.logins).sorted() {
                guard let loginPassword else { break }
                let verifier = try await session.verifier(of: loginPassword, for: login)
                try await session.query(
                    SQL(raw: "alter role \(SQL.quoted(login)) password \(SQL.literal(verifier))").unprepared())
            }
            if try await session.query("select 1 from pg_database where datname = \(name)").isEmpty {
                try await session.query(
                    SQL(raw: "create database \(SQL.quoted(name)) \(Self.form) owner \(SQL.quoted(roles.owner))")
                        .unprepared())
            }
            try await session.query("select pg_advisory_unlock(\(Self.lock))")
        }
    }

    /// Ordered by bytes, which is the order of code points and so that of `C.UTF-8`, too, but needs no call of the C library
    /// for each comparison in an index; what names are ordered by says so itself.
    package static let form = """
        template template0 encoding 'UTF8' locale_provider 'libc' lc_collate 'C' lc_ctype 'C.UTF-8'
        """

    /// Statements that make the roles; those with a role's name only where it is missing.
    private func roleCommands(_ roles: RoleNames) -> [(role: String?, sql: SQL)] {
        let groups = [roles.owner, roles.tenants, roles.service, roles.events, roles.outbox]
        let memberships = [
            (roles.appLogin(1), [roles.service]), (roles.consumerLogin, [roles.service, roles.events]),
            (roles.relayLogin, [roles.outbox]), (roles.provisionLogin, [roles.owner]),
        ]
        var commands: [(String?, SQL)] = groups.map { ($0, SQL(raw: "create role \(SQL.quoted($0)) nologin")) }
        // Logins without rights of their own.
        commands += roles.logins.map { ($0, SQL(raw: "create role \(SQL.quoted($0)) login noinherit")) }
        // Releases before ``RoleMaking`` made roles by themselves.
        if contracts { commands.append((nil, SQL(raw: "alter role \(SQL.quoted(roles.provisionLogin)) nocreaterole"))) }
        for (login, groups) in memberships {
            let list = groups.map(SQL.quoted).joined(separator: ", ")
            commands.append((nil, SQL(raw: "grant \(list) to \(SQL.quoted(login))")))
        }
        return commands.map { (role: $0.0, sql: $0.1.unprepared()) }
    }

    /// Who may enter the database.
    private static func doors(_ roles: RoleNames) -> [SQL] {
        let list = roles.logins.map(SQL.quoted).joined(separator: ", ")
        let database = SQL.quoted(roles.database)
        return [
            SQL(raw: "grant connect on database \(database) to \(list)").unprepared(),
            SQL(raw: "alter database \(database) owner to \(SQL.quoted(roles.owner))").unprepared(),
            // Functions named without their schema are PostgreSQL's own, whoever forgets to say so.
            SQL(raw: "alter database \(database) set search_path = pg_catalog").unprepared(),
        ]
    }

    // MARK: Shared migrations

    private static func migrate(
        _ sets: [MigrationSet], _ roles: RoleNames, _ transaction: PostgresTransaction
    ) async throws -> [String] {
        transaction.setRole(roles.owner)
        var ran: [String] = []
        for set in sets {
            let rows = try await transaction.query(
                "select number, checksum from shared.migrations where set = \(set.name) order by number")
            for (migration, row) in zip(set.shared, rows) where try row.get("checksum") != migration.checksum {
                throw MigrationError(
                    "Shared migration \(migration.number) of \(set.name) was changed after it ran; add a new one.")
            }
            for migration in set.shared.dropFirst(rows.count) {
                let record: SQL = """
                    insert into shared.migrations (set, number, name, checksum)
                    values (\(set.name), \(migration.number)::int, \(migration.name), \(migration.checksum))
                    """
                _ = try await transaction.pipeline(migration.statements(roles.placeholders) + [record])
                ran.append("\(set.name)/\(migration.number)_\(migration.name)")
            }
        }
        return ran
    }
}

extension RoleNames {
    /// Those that are made with the database.
    fileprivate var logins: [String] { [appLogin(1), consumerLogin, relayLogin, provisionLogin] }
}
