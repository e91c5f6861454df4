import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Answers reports from the facts.
struct Reports: Sendable {
    let database: TenantDatabase

    func answer(_ query: ReportQuery, tenant: Tenant, principal: Principal, now: Timestamp = .now()) async throws
        -> JSON
    {
        var statement = ReportStatement(query: query, tenant: tenant, principal: principal)
        let today = query.asOf ?? now.date(in: tenant.zone)
        if query.dimensions.contains(.lifecycle) {
            let states = LifecycleStates(database: database)
            statement.states = try await states.answer(query.thresholds, asOf: today, tenant)
        }
        let currency = try Currency(code: tenant.currency)
        var total = Figures()
        var groups: [[GroupKey]: Figures] = [:]
        for row in try await database.query(tenant.id, statement.sql) {
            let kind: String = try row["kind"]
            let number: Int64 = try row["number"]
            let text: String = try row["sum"]
            let sum = try Money(amount: text, currency: currency, allowNegative: true)
            if try row.get("is_total", as: Bool.self) {
                total.add(kind, number, sum)
            } else {
                groups[try keys(row, query.dimensions), default: Figures()].add(kind, number, sum)
            }
        }
        return Self.json(query, merged(groups), total, currency, asOf: query.asOf?.json ?? now.json)
    }

    private func keys(_ row: Row, _ dimensions: [Dimension]) throws -> [GroupKey] {
        let owners = try row.get("owners", as: [UUID]?.self)?.map(\.lowercased) ?? []
        return try dimensions.enumerated().map { index, dimension in
            GroupKey(
                dimension: dimension, name: try row.get("name\(index)", as: String?.self),
                id: try row.get("id\(index)", as: String?.self),
                owners: [.manager, .region].contains(dimension) ? owners : [])
        }
    }

    /// The kinds of one group name different owners; together they are the group's.
    private func merged(_ groups: [[GroupKey]: Figures]) -> [(keys: [GroupKey], figures: Figures)] {
        var merged: [[GroupKey]: (keys: [GroupKey], figures: Figures)] = [:]
        for (keys, figures) in groups {
            let bare = keys.map { GroupKey(dimension: $0.dimension, name: $0.name, id: $0.id) }
            var entry = merged[bare] ?? (bare, Figures())
            for index in keys.indices {
                entry.keys[index].owners = Set(entry.keys[index].owners).union(keys[index].owners).sorted()
            }
            entry.figures.add(figures)
            merged[bare] = entry
        }
        return merged.values.sorted { left, right in
            for (a, b) in zip(left.keys, right.keys) where a.order != b.order { return a.order < b.order }
            return false
        }
    }

    private static func json(
        _ query: ReportQuery, _ groups: [(keys: [GroupKey], figures: Figures)], _ total: Figures, _ currency: Currency,
        asOf: JSON
    ) -> JSON {
        let isByPeriod = query.dimensions.contains(where: \.isPeriod)
        // Without a day a happening belongs to no period, only to the total.
        let shown = groups.filter { $0.keys.allSatisfy { !$0.dimension.isPeriod || $0.name != nil } }
        let items = shown.map { keys, figures -> JSON in
            var members: [JSONObject.Member] = []
            for (suffix, key) in zip(["", "2"], keys) {
                members.append(("key\(suffix)", key.name.map { .string($0) } ?? .null))
                if let id = key.id { members.append(("id\(suffix)", .string(id))) }
            }
            members += figures.members(query.subject, currency, isOpenKnown: !isByPeriod)
            members.append(("drill", Drill.members(query, keys)))
            return .object(JSONObject(distinct: members))
        }
        var sum = total.members(query.subject, currency, isOpenKnown: true)
        sum.append(("drill", Drill.members(query, [])))
        return ["asOf": asOf, "groups": .array(items), "total": .object(JSONObject(distinct: sum))]
    }
}

extension Figures {
    mutating func add(_ kind: String, _ number: Int64, _ sum: Money) {
        counts[kind, default: 0] += number
        sums[kind] = sums[kind].flatMap { $0.adding(sum) } ?? sum
    }

    mutating func add(_ other: Figures) {
        for (kind, sum) in other.sums { add(kind, other.counts[kind] ?? 0, sum) }
    }
}

extension GroupKey {
    /// Names in their order, what has none last.
    fileprivate var order: String { name.map { "0\($0)" } ?? "1" }
}
