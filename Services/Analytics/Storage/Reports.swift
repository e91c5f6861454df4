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

    func answer(
        _ query: ReportQuery, tenant: Tenant, principal: Principal, language: Language = .english,
        now: Timestamp = .now()
    ) async throws -> JSON {
        let (statement, bounds) = try await statement(query, tenant, principal, now: now)
        let currency = try Currency(code: tenant.currency)
        var total = Figures()
        var groups: [ReportGroup: Figures] = [:]
        for row in try await database.query(tenant.id, statement.sql) {
            let kind: String = try row["kind"]
            let sum = try Money(sum: row.get("sum", as: String.self), currency: currency)
            let buyers: Int64 = kind == "orders" ? try row["buyers"] : 0
            if try row.get("is_total", as: Bool.self) {
                total.add(kind, try row["number"], sum, buyers: buyers)
            } else {
                groups[try statement.grouping.group(row), default: Figures()]
                    .add(kind, try row["number"], sum, buyers: buyers)
            }
        }
        let names = try await GroupNames.of(query, database, tenant, language)
        var answer = Self.json(query, groups, total, names, currency, asOf: query.asOf?.json ?? now.json)
        if let bounds {
            answer["quadrants"] = [
                "windowDays": .int(Int64(query.quadrants.windowDays)), "ordersFrom": .int(Int64(bounds.ordersFrom)),
                "averageFrom": Money(minorUnits: bounds.averageFrom, currency: currency).json,
            ]
        }
        return answer
    }

    /// The statement of a question, with where each customer stands when the question needs it.
    func statement(
        _ query: ReportQuery, _ tenant: Tenant, _ principal: Principal, now: Timestamp
    ) async throws -> (ReportStatement, QuadrantThresholds?) {
        var statement = ReportStatement(query: query, tenant: tenant, principal: principal)
        let today = query.asOf ?? now.date(in: tenant.zone)
        if query.dimensions.contains(.lifecycle) {
            statement.standings[.lifecycle] = try await LifecycleStates(database: database)
                .relation(query.thresholds, asOf: today, tenant)
        }
        guard query.dimensions.contains(.quadrant) else { return (statement, nil) }
        let (standings, bounds) = try await Quadrants(database: database)
            .relation(query.quadrants, asOf: today, tenant)
        statement.standings[.quadrant] = standings
        return (statement, bounds)
    }

    private static func json(
        _ query: ReportQuery, _ groups: [ReportGroup: Figures], _ total: Figures, _ names: GroupNames,
        _ currency: Currency, asOf: JSON
    ) -> JSON {
        let isByPeriod = query.dimensions.contains(where: \.isPeriod)
        // Without a day a happening belongs to no period, only to the total.
        let shown = groups.filter { group, _ in
            group.keys.allSatisfy { !$0.dimension.isPeriod || $0.name != nil }
        }.sorted { $0.key < $1.key }
        let items = shown.map { group, figures -> JSON in
            var members = group.members(names)
            members += figures.members(query.subject, currency, isOpenKnown: !isByPeriod)
            members.append(("drill", drill(query, group, isOpenKnown: !isByPeriod)))
            return .object(JSONObject(distinct: members))
        }
        var sum = total.members(query.subject, currency, isOpenKnown: true)
        sum.append(("drill", drill(query, .total, isOpenKnown: true)))
        return ["asOf": asOf, "groups": .array(items), "total": .object(JSONObject(distinct: sum))]
    }

    /// A figure that is null has no list.
    private static func drill(_ query: ReportQuery, _ group: ReportGroup, isOpenKnown: Bool) -> JSON {
        let links = Drill.members(query, of: group).map { figure, link -> JSONObject.Member in
            (figure, figure == "open" && !isOpenKnown ? .null : .string(link))
        }
        return .object(JSONObject(distinct: links))
    }

    // MARK: - Records

    /// The records behind one figure of one group, by id.
    func records(
        _ query: ReportQuery, _ figure: String, _ group: ReportGroup, after id: UUID?, limit: Int, isCounted: Bool,
        tenant: Tenant, principal: Principal, now: Timestamp = .now()
    ) async throws -> JSON {
        let statement = try await statement(query, tenant, principal, now: now).0
        let currency = try Currency(code: tenant.currency)
        var statements = [statement.records(figure, group, after: id, limit: limit + 1)]
        if isCounted { statements.append(statement.count(figure, group)) }
        let results = try await database.flight(tenant.id, statements, options: .read)
        let rows = Array(results[0])
        let items = try rows.prefix(limit).map { row -> JSON in
            let id: UUID = try row.get(0)
            let amount = try row.get(2, as: String?.self).map {
                try Money(amount: $0, currency: currency, allowNegative: true)
            }
            return [
                "id": id.json, "day": try row.get(1, as: CalendarDate?.self).json, "amount": amount?.json ?? .null,
                "ownerId": try row.get(3, as: UUID?.self).json, "teamId": try row.get(4, as: UUID?.self).json,
                "link": .string("/v1/\(query.subject.collection(of: figure))/\(id.lowercased)"),
            ]
        }
        let last = try rows.count > limit ? rows[limit - 1].get(0, as: UUID.self) : nil
        var answer: JSON = ["items": .array(items), "nextCursor": last.json]
        if isCounted { answer["count"] = .int(try results[1].single().get(0)) }
        return answer
    }
}

extension Subject {
    /// Where the records behind a figure are.
    fileprivate func collection(of figure: String) -> String {
        self == .customers ? (figure == "orders" ? "orders" : "accounts") : rawValue
    }
}

extension Figures {
    mutating func add(_ kind: String, _ number: Int64, _ sum: Money, buyers: Int64) {
        counts[kind, default: 0] += number
        sums[kind] = sums[kind].flatMap { $0.adding(sum) } ?? sum
        self.buyers += buyers
    }
}
