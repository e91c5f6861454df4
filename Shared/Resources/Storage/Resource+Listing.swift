import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// A page of a list.
public struct Page<Record: Sendable>: Sendable {
    public let records: [Record]
    /// nil on the last page.
    public let nextCursor: String?
    /// When it was asked for.
    public let count: Int64?
}

extension Resource {
    /// A page of what the principal may see.
    ///
    /// - Parameters:
    ///   - parameters: the query's, decoded, for errors and to bind the cursor.
    ///   - condition: a further condition, of a list within another object.
    public func list(
        _ query: ListQuery, parameters: [(name: String, value: String)], _ principal: Principal, tenant: TenantID,
        where condition: SQL? = nil
    ) async throws -> Page<Record> {
        let schema = SchemaName(tenant)
        let ordering = Ordering(query.sort, entity: entity)
        let binding = binding(parameters, tenant: tenant)
        var conditions = try await conditions(query, principal, tenant)
        if let condition { conditions.append(condition) }
        var parts: [SQL] = ["true"]
        if let cursor = query.cursor {
            parts = ordering.after(try environment.cursors.read(cursor, ordering, binding: binding))
        }
        var statements = [page(parts.map { conditions + [$0] }, ordering, limit: query.limit + 1, schema)]
        if let count = query.count { statements.append(self.count(count, conditions, schema)) }
        let results = try await database.flight(tenant, statements, options: .read)
        var records = try results[0].map { try table.record($0) }
        var next: String?
        if records.count > query.limit {
            records.removeLast()
            next = records.last.map {
                environment.cursors.make(ordering.position(of: $0), ordering, binding: binding)
            }
        }
        var count = results.count > 1 ? try results[1].single().get(0, as: Int64.self) : nil
        if query.count == .estimated, let counted = count, counted > Self.countedLimit {
            count = max(counted, try await guess(conditions, tenant))
        }
        return Page(records: records, nextCursor: next, count: count)
    }

    /// How many rows the planner takes to match.
    private func guess(_ conditions: [SQL], _ tenant: TenantID) async throws -> Int64 {
        let plan: SQL = "explain (format json) \(matching(conditions, SchemaName(tenant)))"
        let plans = try await database.query(tenant, plan.unprepared()).single().get(0, as: JSON.self)
        return Int64((plans[0]?["Plan"]?["Plan Rows"]?.double ?? 0).rounded())
    }

    /// The first rows of parts that follow one another in the order.
    func page(_ parts: [[SQL]], _ ordering: Ordering, limit: Int, _ schema: SchemaName) -> SQL {
        let ordered: SQL = "order by \(ordering.clause) limit \(limit)"
        let pages: [SQL] = parts.map { conditions in
            "\(table.select(schema)) where \(conditions.joined(separator: " and ")) \(ordered)"
        }
        guard pages.count > 1 else { return pages[0] }
        let whole = pages.map { "(\($0))" as SQL }.joined(separator: " union all ")
        return "select \(table.columnList(prefix: "page")) from (\(whole)) as page \(ordered)"
    }

    private func conditions(
        _ query: ListQuery, _ principal: Principal, _ tenant: TenantID
    ) async throws -> [SQL] {
        let schema = SchemaName(tenant)
        var conditions: [SQL] = ["deleted_at is null"]
        if let owned = ownership?.condition(principal, schema) { conditions.append(owned) }
        if query.filter != .everything { conditions.append(query.filter.condition) }
        if let search = query.search {
            guard let searchColumn else {
                throw Problem.parameter(
                    "q", code: "notSearchable", .init(en: "This list has no search.", zh: "此列表不支持搜索。"))
            }
            conditions.append(try await self.search(search, searchColumn, tenant: tenant))
        }
        return conditions
    }

    /// So many are counted for an estimate; beyond, the planner's statistics say how many there may be.
    private static var countedLimit: Int64 { 10_000 }

    private func count(_ count: ListQuery.Count, _ conditions: [SQL], _ schema: SchemaName) -> SQL {
        let matching = matching(conditions, schema)
        switch count {
        case .exact: return "select count(*) from (\(matching)) as matching"
        case .estimated: return "select count(*) from (\(matching) limit \(Self.countedLimit + 1)) as matching"
        }
    }

    private func matching(_ conditions: [SQL], _ schema: SchemaName) -> SQL {
        "select 1 from \(table.qualified(schema)) where \(conditions.joined(separator: " and "))"
    }

    /// What a cursor is bound to: everything of the query but the cursor itself and what does not change the order.
    private func binding(_ parameters: [(name: String, value: String)], tenant: TenantID) -> String {
        let free: Set<String> = ["cursor", "limit", "fields", "expand", "count"]
        let bound = parameters.filter { !free.contains($0.name) }.map { "\($0.name)=\($0.value)" }.sorted()
        return ([tenant.text, collection] + bound).joined(separator: "\u{0}")
    }

    /// The JSON of a page.
    func answer(
        _ page: Page<Record>, _ query: ListQuery, tenant: TenantID, in language: Language
    ) async throws -> HTTPResponse {
        var expanded: [(name: String, values: [JSON])] = []
        for name in query.expand {
            if let load = expansions[name] { expanded.append((name, try await load(tenant, page.records))) }
        }
        var writer = JSONWriter(capacity: 512 * max(1, page.records.count))
        writer.raw("{\"items\":[")
        for (index, record) in page.records.enumerated() {
            if index > 0 { writer.raw(",") }
            write(
                shown(record, in: language), fields: query.fields,
                expanded: expanded.map { ($0.name, $0.values[index]) }, into: &writer)
        }
        writer.raw("],\"nextCursor\":")
        writer.write(page.nextCursor.json)
        if let count = page.count {
            writer.raw(",\"count\":")
            writer.write(count)
        }
        writer.raw("}")
        return .json(bytes: writer.bytes)
    }

    /// An object with what `expand` asked for under `expanded`.
    func write(
        _ record: Record, fields: Set<String>?, expanded: [(name: String, value: JSON)], into writer: inout JSONWriter
    ) {
        entity.write(record, fields: fields, into: &writer)
        guard !expanded.isEmpty else { return }
        writer.bytes.removeLast()
        writer.raw(",\"expanded\":")
        writer.write(.object(JSONObject(expanded.map { ($0.name, $0.value) })))
        writer.raw("}")
    }
}
