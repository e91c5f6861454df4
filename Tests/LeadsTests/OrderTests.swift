import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Testing
import Values

@testable import Leads
@testable import Resources

/// The order of lists by names: as people look them up, the same on every page.
@Suite struct OrderTests {
    /// Chinese by pinyin, then Latin whatever its case; what is the same twice, and what is missing.
    private static let names: [String?] = [
        "_x", "3M", "阿里巴巴", "海风", "海风", "海風", "李宁", "王府井", "张裕", "apple", "Apple", "Banana", "banana split",
        "cherry", "Zebra", nil, nil, nil,
    ]

    private func list(_ service: LeadsFixture, _ sort: String, limit: Int, cursor: String?) async throws -> Page<Lead> {
        var parameters = [(name: "sort", value: sort), (name: "limit", value: "\(limit)")]
        if let cursor { parameters.append((name: "cursor", value: cursor)) }
        let text = try service.tenant.textContext
        let query = try Lead.catalogue.schema.listQuery(parameters, context: text)
        return try await service.leads.list(
            query, parameters: parameters, service.context.principal, tenant: service.tenant.id)
    }

    /// The whole list, read in pages.
    private func pages(_ service: LeadsFixture, _ sort: String, of limit: Int) async throws -> [Lead] {
        var (leads, cursor): ([Lead], String?) = ([], nil)
        repeat {
            let page = try await list(service, sort, limit: limit, cursor: cursor)
            #expect(page.records.count <= limit)
            leads += page.records
            cursor = page.nextCursor
        } while cursor != nil
        return leads
    }

    @Test(arguments: ["company", "person", "region"])
    func `names stand where people look for them, and pages meet`(field: String) async throws {
        try await LeadsFixture.with { service in
            let rows: [Result<JSON, Problem>] = Self.names.enumerated().shuffled().map { number, name in
                .success([field: name.json, "externalSystem": "x", "externalId": .string("\(number)")])
            }
            _ = try await service.statuses(rows)
            func names(_ leads: [Lead]) -> [String?] {
                leads.map { Lead.catalogue.value(of: field, in: $0)?.json.string }
            }
            // Without and with capital, simple and traditional stand together; which is first is no matter.
            func blurred(_ names: [String?]) -> [String?] {
                names.map { $0?.lowercased().replacing("風", with: "风") }
            }
            for (sort, wanted) in [(field, Self.names), ("-\(field)", Self.names.reversed())] {
                let whole = try await list(service, sort, limit: 100, cursor: nil).records
                #expect(blurred(names(whole)) == blurred(wanted), "\(sort)")
                for limit in [1, 2, 3, 5] {
                    #expect(
                        try await pages(service, sort, of: limit).map(\.id) == whole.map(\.id), "\(sort) by \(limit)")
                }
            }
            for sort in ["\(field),-externalId", "-\(field),createdAt", "status,\(field)"] {
                let whole = try await list(service, sort, limit: 100, cursor: nil).records
                #expect(try await pages(service, sort, of: 2).map(\.id) == whole.map(\.id), "\(sort)")
            }
        }
    }

    @Test(arguments: [("company", "leads_company_id_idx"), ("person", "leads_person_id_idx")])
    func `an index gives the order, on later pages too`(field: String, index: String) async throws {
        try await LeadsFixture.with { service in
            let (leads, schema) = (service.leads, service.tenant.schema)
            for sort in [field, "-\(field)"] {
                let query = try Lead.catalogue.schema.listQuery(
                    [(name: "sort", value: sort)], context: try service.tenant.textContext)
                let ordering = Ordering(query.sort, entity: Lead.catalogue)
                for position in [nil, [.string("李宁"), .uuid(UUIDv7.make())], [.null, .uuid(UUIDv7.make())]]
                    as [[FieldValue]?]
                {
                    let parts = position.map { ordering.after($0) } ?? ["true"]
                    let page = leads.page(parts.map { ["deleted_at is null", $0] }, ordering, limit: 51, schema)
                    let plan = try await service.environment.database.flight(
                        service.tenant.id,
                        [
                            "set local enable_seqscan = off", "set local enable_bitmapscan = off",
                            "set local enable_sort = off", "explain \(page)",
                        ])[3].map { try $0.get(0, as: String.self) }
                    let lines = plan.joined(separator: "\n")
                    #expect(!lines.contains("Sort  ("), "\(lines)")
                    #expect(lines.components(separatedBy: index).count == parts.count + 1, "\(lines)")
                    #expect(
                        lines.components(separatedBy: "Index Cond").count > parts.count - (position == nil ? 1 : 0),
                        "\(lines)")
                }
            }
        }
    }
}
