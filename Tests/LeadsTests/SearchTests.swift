import Entities
import HTTP
import JSON
import Postgres
import Tenancy
import Testing
import Text
import Values

@testable import Leads
@testable import Resources

/// A search finds what has the text and nothing else, whatever it looks for in the index.
@Suite struct SearchTests {
    private static let surnames = ["王", "单", "万俟", "曾", "重", "欧阳", "沈"]
    private static let given = ["芳", "小明", "庆", "单", "长孙"]

    private static let rows: [JSON] = (0..<300).map { number in
        let digits = String(100_000 + number * 331)
        return [
            "company": .string(number % 3 == 0 ? "华为\(number)号公司" : "Harbour \(number * 7) Ltd"),
            "person": .string(surnames[number % 7] + given[number % 5]),
            "phone": .string("+8613800\(digits)"), "email": .string("p_\(digits)@fill\(number % 3).example"),
        ]
    }

    @Test func theIndexIsOnlyAWayToTheSameAnswer() async throws {
        try await LeadsFixture.with { service in
            let statuses = try await service.statuses(Self.rows.map { .success($0) })
            #expect(statuses.allSatisfy { $0 == 201 })
            let texts = try await service.environment.database.query(
                service.tenant.id, "select id::text, search from \(service.tenant.schema).leads"
            ).map { row in (id: try row.get(0, as: String.self), text: try row.get(1, as: String.self)) }
            for pattern in [
                "8613800100331", "+8613800", "00331", "p_100331@fill", "p_100", "fill1.example", "@", "华为", "华", "为",
                "号公司", "12号", "王芳", "单", "单小", "小单", "万俟", "俟", "万", "重庆", "庆", "欧阳", "阳芳", "长孙",
                "孙", "沈单", "harbour", "HARBOUR 14", "r 7 l", "ltd 王", "wangfang", "moqi", "%", "_", "\\", "x\\%", "zz",
                "ａｃｍｅ", "é", "不在", "😀",
            ] {
                let expected = Set(texts.filter { $0.text.contains(foldedText(pattern)) }.map(\.id))
                let page = try await service.leads.list(
                    try Lead.catalogue.schema.listQuery(
                        [(name: "q", value: pattern), (name: "limit", value: "500")],
                        context: service.tenant.textContext),
                    parameters: [], service.context.principal, tenant: service.tenant.id)
                let found = Set(page.records.map(\.id.lowercased))
                #expect(found == expected, "\(pattern): \(found.count) and not \(expected.count)")
            }
        }
    }

    @Test func anImportOfOneKindDoesNotHideWhatTheOthersAreLike() async throws {
        try await LeadsFixture.with { service in
            let older = (0..<400).map { JSON.object(["phone": .string("+8613800\(100_000 + $0 * 331)")]) }
            let newer = (0..<300).map { JSON.object(["company": .string("Harbour \($0 * 7) Ltd")]) }
            for batch in [older, newer] {
                let statuses = try await service.statuses(batch.map { .success($0) })
                #expect(statuses.allSatisfy { $0 == 201 })
            }
            let common = try await service.leads.search("8613800", "search", tenant: service.tenant.id)
            #expect(!common.text.contains("array("))
            let rare = try await service.leads.search("8613800100331", "search", tenant: service.tenant.id)
            #expect(rare.text.contains("array("))
        }
    }
}
