import Entities
import HTTP
import JSON
import Postgres
import Values

extension Resource {
    /// A list of those of this collection's records that another question means: the list behind a figure.
    ///
    /// It takes filters, sorting and cursors as the collection's own list does.
    ///
    /// - Parameters:
    ///   - others: the question's parameters; each may be sent once.
    ///   - condition: over the table's columns.
    public func narrowedList(
        _ path: String, id: String, summary: String, tags: [String], others: [Parameter],
        where condition: @escaping @Sendable (Call) async throws -> SQL
    ) -> Endpoint {
        Endpoint(
            .get, path, id: id, summary: summary, tags: tags, permission: Permission("\(collection).read"),
            parameters: others + listParameters,
            query: .filters(description: "Further conditions on any field, as \(self.path) takes them."),
            responses: [ResponseSpec(200, "A page.", schema: schema.page("\(typeName)Page"))],
            errors: [.invalidParameter]
        ) { call in
            let (principal, tenant) = (try call.caller, try call.tenant)
            let query = try await listQuery(call, tenant, other: Set(others.map(\.name)))
            let page = try await list(
                query, parameters: call.query.items.map { ($0.name, $0.value) }, principal, tenant: tenant,
                where: try await condition(call))
            return try await answer(page, query, tenant: tenant, in: call.language)
        }
    }
}
