import EventLog
import Foundation
import JSON
import Postgres
import Synchronization
import Tenancy
import Values

/// Looks in a service's database and topic for whatever is not where its tenant is: fences that are not as they were
/// made, canaries and rows in another's schema, events under another's key.
struct IsolationCheck: Sendable {
    let database: TenantDatabase
    let provisioner: TenantProvisioner
    let log: any EventLog
    let topic: String

    /// How many of each partition's last events are read.
    static let eventsPerPartition: Int64 = 20_000

    /// What was looked at of a tenant.
    struct Extent: Sendable {
        var tables = 0
        var events = 0
    }

    struct Report: Sendable {
        var extents: [TenantID: Extent] = [:]
        var findings: [IsolationFinding] = []

        /// Takes over what was found on another server.
        mutating func add(_ other: Report) {
            for (tenant, extent) in other.extents {
                extents[tenant, default: Extent()].tables += extent.tables
                extents[tenant, default: Extent()].events += extent.events
            }
            findings += other.findings
        }
    }

    func run() async throws -> Report {
        try await database.directory.refresh()
        let tenants = database.directory.all.filter { $0.server == database.server }
        var report = Report()
        report.extents = Dictionary(uniqueKeysWithValues: tenants.map { ($0.id, Extent()) })
        report.findings = try await provisioner.inspectFences()
        let words = try await words()
        let origins = try await origins()
        report.findings += try await canaries(tenants, words)
        report.findings += try await neighbours(tenants)
        try await rowsAtRest(words, origins, &report)
        // The topic has the events of every server.
        if database.isHome { try await events(origins, &report) }
        return report
    }

    /// Which tenants are copies of which. A copy may be on another server than the tenant it was made of.
    private func origins() async throws -> [TenantID: TenantID] {
        var origins: [TenantID: TenantID] = [:]
        for place in database.everywhere {
            origins.merge(try await provisioner.on(place.server).origins()) { $1 }
        }
        return origins
    }

    // MARK: - Canaries

    /// The word of each tenant.
    private func words() async throws -> [TenantID: String] {
        let rows = try await provisioner.inspect { try await $0.query("select tenant, word from shared.canaries") }
        return try rows.reduce(into: [:]) { words, row in
            if let tenant = TenantID(try row.get(0)) { words[tenant] = try row.get(1) }
        }
    }

    /// On the way that requests take, each tenant finds its own canary: pools and roles lend nobody another's.
    private func canaries(_ tenants: [Tenant], _ words: [TenantID: String]) async throws -> [IsolationFinding] {
        var findings: [IsolationFinding] = []
        for tenant in tenants where tenant.status == .active {
            let found: [String] = try await database.query(tenant.id, "select word from \(tenant.schema).canary")
                .map { try $0.get(0) }
            guard found != [words[tenant.id]].compactMap(\.self) else { continue }
            let whose = words.first { found.contains($0.value) && $0.key != tenant.id }
            findings.append(
                IsolationFinding(
                    tenant.id, "canary", whose.map { "finds the canary of \($0.key)" } ?? "does not find its canary"))
        }
        return findings
    }

    /// The next tenant's canary is refused.
    private func neighbours(_ tenants: [Tenant]) async throws -> [IsolationFinding] {
        let active = tenants.filter { $0.status == .active }
        guard active.count > 1 else { return [] }
        var findings: [IsolationFinding] = []
        for (tenant, other) in zip(active, active.dropFirst() + [active[0]]) {
            do {
                _ = try await database.query(tenant.id, "select word from \(other.schema).canary")
                findings.append(IsolationFinding(tenant.id, "neighbour", "may read the schema of \(other.id)"))
            } catch let error as PostgresError where error.sqlState == SQLState.insufficientPrivilege {}
        }
        return findings
    }

    // MARK: - Rows

    private struct Relation: Sendable {
        let schema: String
        let name: String
        let hasID: Bool

        var tenant: TenantID? { TenantID(String(schema.dropFirst(2))) }
        var sql: SQL { "\(ident: schema).\(ident: name)" }
    }

    /// Reads every table: no word of another tenant, and no row that is in two tenants.
    private func rowsAtRest(
        _ words: [TenantID: String], _ origins: [TenantID: TenantID], _ report: inout Report
    ) async throws {
        let relations = try await relations()
        for relation in relations {
            if let tenant = relation.tenant { report.extents[tenant]?.tables += 1 }
            let allowed = relation.tenant.flatMap { words[$0] } ?? ""
            if relation.name == "canaries" { continue }
            let found = try await provisioner.inspect { transaction in
                try await transaction.query(
                    """
                    select distinct substring(x::text from 'gxcanary[0-9a-f]{32}') from \(relation.sql) x
                    where x::text like '%gxcanary%'
                    """)
            }
            for row in found {
                guard let word = try row.get(0, as: String?.self), word != allowed || relation.name != "canary",
                    let whose = words.first(where: { $0.value == word })?.key
                else { continue }
                report.findings.append(
                    IsolationFinding(whose, "rows", "its canary is in \(relation.schema).\(relation.name)"))
            }
        }
        for (name, group) in Dictionary(grouping: relations.filter { $0.hasID && $0.tenant != nil }, by: \.name) {
            report.findings += try await shared(name, group, origins)
        }
    }

    private func relations() async throws -> [Relation] {
        let rows = try await provisioner.inspect { transaction in
            try await transaction.query(
                """
                select n.nspname::text, c.relname::text, exists (
                    select from pg_attribute a where a.attrelid = c.oid and a.attname = 'id'
                        and a.atttypid = 'uuid'::regtype)
                from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind = 'r' and (n.nspname ~ '^t_[a-z2-7]{16}$' or n.nspname = 'shared') order by 1, 2
                """)
        }
        return try rows.map { Relation(schema: try $0.get(0), name: try $0.get(1), hasID: try $0.get(2)) }
    }

    /// Ids are unique in the world: one in two schemas is a row in a wrong place, unless one tenant is a copy of the
    /// other, restored from its backup.
    private func shared(
        _ name: String, _ relations: [Relation], _ origins: [TenantID: TenantID]
    ) async throws -> [IsolationFinding] {
        guard relations.count > 1 else { return [] }
        let all = relations.map { relation -> SQL in
            let origin = relation.tenant.flatMap { origins[$0]?.schema } ?? relation.schema
            return "select id, \(origin)::text as schema from \(relation.sql)"
        }.joined(separator: " union all ")
        let rows = try await provisioner.inspect { transaction in
            try await transaction.query(
                ("select min(schema), max(schema) from (\(all)) as ids group by id having min(schema) <> max(schema)"
                    as SQL).unprepared())
        }
        let pairs = Set(try rows.map { [try $0.get(0, as: String.self), try $0.get(1, as: String.self)] })
        return pairs.map { pair in
            IsolationFinding(
                TenantID(String(pair[0].dropFirst(2))), "rows", "rows of \(name) are in \(pair[1]), too")
        }
    }

    // MARK: - Events

    /// Reads the end of the service's topic: an event's key and tenant agree, an aggregate has one tenant, no canary.
    private func events(_ origins: [TenantID: TenantID], _ report: inout Report) async throws {
        let bounds = try await log.bounds(of: topic).filter { !$0.value.isEmpty }
        guard !bounds.isEmpty else { return }
        let departed = try await provisioner.departed()
        let reader = TopicReader(topic: topic, bounds: bounds, origins: origins, departed: departed)
        try await reader.read(log)
        let seen = reader.seen.withLock { $0 }
        for (tenant, count) in seen.counts { report.extents[tenant, default: Extent()].events += count }
        report.findings += seen.findings
    }
}

/// Reads the last events of a topic once, as a group of its own.
private final class TopicReader: EventSubscriber {
    struct Seen: Sendable {
        var counts: [TenantID: Int] = [:]
        var owners: [String: TenantID] = [:]
        var findings: [IsolationFinding] = []
        var missing: [Int: Int64]
    }

    let topic: String
    let bounds: [Int: Range<Int64>]
    let origins: [TenantID: TenantID]
    let departed: Set<TenantID>
    let seen: Mutex<Seen>

    init(
        topic: String, bounds: [Int: Range<Int64>], origins: [TenantID: TenantID], departed: Set<TenantID>
    ) {
        (self.topic, self.bounds, self.origins, self.departed) = (topic, bounds, origins, departed)
        seen = Mutex(Seen(missing: bounds.mapValues { $0.upperBound - 1 }))
    }

    /// Until the offsets that were the last ones have been read.
    func read(_ log: any EventLog) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                try await log.consume(
                    group: "isolation-\(UUID().uuidString)", topics: [topic], batch: 500, subscriber: self)
            }
            while seen.withLock({ !$0.missing.isEmpty }) { try await Task.sleep(for: .milliseconds(20)) }
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    func assigned(_ partitions: Set<TopicPartition>) async throws -> [TopicPartition: EventPosition] {
        Dictionary(
            uniqueKeysWithValues: partitions.map { place in
                guard let range = bounds[place.partition] else { return (place, .latest) }
                let start = max(range.lowerBound, range.upperBound - IsolationCheck.eventsPerPartition)
                return (place, .offset(start))
            })
    }

    func revoked(_ partitions: Set<TopicPartition>) async {}

    func receive(_ batch: [StoredRecord]) async throws {
        seen.withLock { seen in
            for stored in batch {
                look(stored, &seen)
                let partition = stored.source.partition
                if let last = seen.missing[partition], stored.offset >= last { seen.missing[partition] = nil }
            }
        }
    }

    private func look(_ stored: StoredRecord, _ seen: inout Seen) {
        let record = stored.record
        let place = "\(stored.source) at \(stored.offset)"
        guard let text = record.header("ce_tenantid"), let tenant = TenantID(text) else {
            return seen.findings.append(IsolationFinding(nil, "events", "\(place) names no tenant"))
        }
        seen.counts[tenant, default: 0] += 1
        if !record.key.hasPrefix(text + "/") {
            seen.findings.append(IsolationFinding(tenant, "events", "\(place) has the key \(record.key)"))
        }
        let aggregate = record.header("ce_subject") ?? ""
        let origin = origins[tenant] ?? tenant
        // Of a tenant that is gone nobody knows any more whether it was a copy.
        if !departed.contains(tenant), let owner = seen.owners.updateValue(origin, forKey: aggregate), owner != origin {
            seen.findings.append(IsolationFinding(tenant, "events", "\(aggregate) at \(place) is of \(owner), too"))
        }
        if let body = record.body, String(decoding: body, as: UTF8.self).contains("gxcanary") {
            seen.findings.append(IsolationFinding(tenant, "events", "\(place) holds a canary"))
        }
    }
}
