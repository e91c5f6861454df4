import EventLog
import Postgres
import Runtime
import ServiceKit
import Tenancy
import Values

/// Moves a tenant's data to another PostgreSQL server while they are written to, one service after the other.
///
/// Where a service's data are is in its own directory, so what was cut off is found and ended when it is run again: a
/// copy that did not come to its fence is made anew, a tenant that was closed on one server is opened on the other.
struct TenantMove: Sendable {
    let databases: BackupDatabases
    let console: Console

    struct Outcome: Sendable {
        struct Part: Sendable {
            let service: String
            let rows: Int
            let pause: Duration
        }

        let tenant: TenantID
        var parts: [Part] = []
    }

    /// By when every instance has read the directory again, or believes it no longer.
    private static let notice = Duration.milliseconds(1_500)
    private static let attempts = 40

    /// - Parameter key: the tenant's slug or id.
    func run(_ key: String, to server: String) async throws -> Outcome {
        let gateway = try databases["gateway"]
        let rows = try await gateway.postgres.query(
            """
            select id from shared.tenant_records
            where (id = \(key) or slug = \(key)) and state in ('active', 'suspended')
            """
        )
        guard let row = rows.first, let tenant = TenantID(try row.get(0)) else {
            throw CommandFailure("there is no tenant \"\(key)\": guanxi tenant list shows those that are")
        }
        return try await databases.alone("move \(tenant)") {
            var outcome = Outcome(tenant: tenant)
            var left: [ServiceMove] = []
            for service in databases.placed {
                guard let (move, part) = try await move(tenant, of: service, to: server) else { continue }
                left.append(move)
                outcome.parts.append(part)
            }
            try await gateway.postgres.query(
                "update shared.tenant_records set server = \(server) where id = \(tenant.text) and server <> \(server)")
            if !left.isEmpty { try await Task.sleep(for: Self.notice) }
            for move in left { try await tidy(move) }
            return outcome
        } otherwise: {
            "somebody else moves the tenant at this moment, or takes a backup of it: try again when that is done"
        }
    }

    // MARK: - One service

    private func move(
        _ id: TenantID, of service: BackupDatabases.Service, to server: String
    ) async throws -> (ServiceMove, Outcome.Part)? {
        try await endWhatWasBegun(id, of: service)
        let tenant = try await entry(id, of: service)
        guard tenant.server != server else { return nil }
        let move = ServiceMove(
            service: service, tenant: tenant, source: try service.database.on(tenant.server),
            target: try service.database.on(server))
        let rows: Int
        let pause: Duration
        do {
            try await move.begin()
            rows = try await move.copy()
            pause = try await pass(move)
        } catch {
            try await Task(executorPreference: EventLoop.current) { try await giveUp(move, error) }.value
            throw error
        }
        console.note("\(service.name): \(rows) rows, writes waited \(pause.wholeMilliseconds) ms\n")
        return (move, Outcome.Part(service: service.name, rows: rows, pause: pause))
    }

    /// Carries over and tries the fence until it is passed.
    private func pass(_ move: ServiceMove) async throws -> Duration {
        var attempt = 1
        while true {
            do {
                _ = try await move.catchUp(comparing: false)
                let began = try await MoveFence(move: move).run()
                try await announce(move)
                return began.duration(to: .now)
            } catch let busy as MoveFence.Busy {
                guard attempt < Self.attempts else {
                    throw CommandFailure(
                        "\(move.service.name) of the tenant could not be held for a moment (\(busy.reason)): "
                            + "try again later",
                        code: .unavailable)
                }
                console.note("\(move.service.name): tried again, since \(busy.reason)\n")
                attempt += 1
                try await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    /// Leaves everything as it was, unless the tenant is closed here already: then it is opened there.
    private func giveUp(_ move: ServiceMove, _ error: any Error) async throws {
        guard try await state(move.id, on: move.source) != "fenced" else {
            do { try await endWhatWasBegun(move.id, of: move.service) } catch {
                throw CommandFailure("the tenant is between two servers (\(error)): run the same command again")
            }
            throw CommandFailure("\(move.service.name) is moved, though \(error): run the same command again")
        }
        do { try await move.undo() } catch {
            console.note("what was made on \(move.target.place) stays until it is run again (\(error))\n")
        }
    }

    /// Makes the directory say where the tenant is. Where one of the two servers has the directory, it says so already.
    private func announce(_ move: ServiceMove) async throws {
        guard !move.source.isHome, !move.target.isHome else { return }
        let there = try move.service.provisioner.on(move.target.server)
        let login = try await move.target.database.withTransaction { [id = move.id] in
            try await there.loginNumber(of: id, on: $0)
        }
        try await move.service.postgres.query(
            """
            update shared.tenants set server = \(move.target.server), login = \(Int32(login))
            where id = \(move.id.text) and server <> \(move.target.server)
            """)
    }

    // MARK: - What was begun

    private func entry(_ id: TenantID, of service: BackupDatabases.Service) async throws -> Tenant {
        try await service.database.directory.refresh()
        return try await service.database.directory.find(id)
    }

    /// How far a move from a server is; nil when there is none. Waits for one that was cut off to be over.
    private func state(_ id: TenantID, on place: TenantDatabase) async throws -> String? {
        try await place.database.query("select state from shared.moves where tenant = \(id.text) for update").first?
            .get(0)
    }

    private func endWhatWasBegun(_ id: TenantID, of service: BackupDatabases.Service) async throws {
        for place in service.database.everywhere {
            guard let state = try await state(id, on: place) else { continue }
            let target: String = try await place.database.query(
                "select target from shared.moves where tenant = \(id.text)"
            ).single().get(0)
            let move = ServiceMove(
                service: service, tenant: try await entry(id, of: service), source: place,
                target: try service.database.on(target == TenantDatabase.home ? "" : target))
            console.note("\(service.name): a move from \(place.place) to \(target) was cut off")
            if state == "fenced" {
                console.note(", it is ended\n")
                let isOpen = try await move.target.database.query(
                    "select server = '' from shared.tenants where id = \(id.text)"
                ).first?.get(0, as: Bool.self)
                if isOpen != true { try await MoveFence(move: move).finish() }
                try await announce(move)
                try await Task.sleep(for: Self.notice)
                try await tidy(move)
            } else {
                console.note(" before its fence, it is undone\n")
                try await move.undo()
            }
        }
        // One that was cut off before it was noted.
        let tenant = try await entry(id, of: service)
        for place in service.database.everywhere where place.server != tenant.server {
            try await service.provisioner.on(place.server).clear(id)
        }
    }

    // MARK: - What is left behind

    /// Removes what the server that was left still has of the tenant. Its events of the last hours go along: a backup
    /// wants them, and nobody is told them again.
    private func tidy(_ move: ServiceMove) async throws {
        let id = move.id
        try await move.target.database.withTransaction(options: ServiceMove.options()) { there in
            try await move.source.database.withTransaction(options: ServiceMove.options()) { here in
                // Once they are gone from here they are there.
                guard try await here.query(OutboxMove.hasEvents(id)).single().get(0) else { return }
                _ = try await there.pipeline(OutboxMove.preparing(id))
                try await RowPipe.copy(OutboxMove.rows(of: id), from: here, into: OutboxMove.receiving, on: there)
            }
        }
        try await move.removeShared(from: move.source)
        try await move.stopNoting([MovedRelation.progress(of: id, to: move.target)])
        try await move.service.provisioner.on(move.source.server).clear(id)
        try await move.forget()
    }
}
