import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Opportunities

/// What stages are called: by who reads.
@Suite struct StageNameTests {
    private static let chinese: HTTPHeaders = ["Accept-Language": "zh-CN"]
    private static let english: HTTPHeaders = ["Accept-Language": "en"]

    @Test func `whoever reads sees the stage's name in his language`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let body: JSON = ["name": "A"]
            let made = try await fixture.send(.post, "/v1/opportunities", body, headers: Self.english).body
            #expect(made["stageName"] == "First contact" && made["stageNames"]?["zh"] == "初步接洽")
            #expect(
                try await fixture.send(.post, "/v1/opportunities", body, headers: Self.chinese).body["stageName"]
                    == "初步接洽")
            let path = "/v1/opportunities/\(made["id"]?.string ?? "")"
            for (headers, contact, proposal) in [
                (Self.english, "First contact", "Proposal"), (Self.chinese, "初步接洽", "方案"),
            ] {
                func name(_ path: String, _ place: (JSON) -> JSON?) async throws -> String? {
                    place(try await fixture.send(.get, path, headers: headers).body)?["stageName"]?.string
                }
                #expect(try await name(path) { $0 } == contact)
                #expect(try await name("\(path)?fields=stageName") { $0 } == contact)
                #expect(try await name("/v1/opportunities?name=A") { $0["items"]?[0] } == contact)
                let moved = try await fixture.send(.post, "\(path)/move", ["stage": "proposal"], headers: headers).body
                #expect(moved["stageName"]?.string == proposal)
                var stale = headers
                stale["If-Match"] = "\"1\""
                let refused = try await fixture.send(.patch, path, ["name": "A"], headers: stale)
                #expect(refused.status == 412 && refused.body["current"]?["stageName"]?.string == proposal)
                _ = try await fixture.send(.post, "\(path)/move", ["stage": "contact"], headers: headers)
            }
        }
    }

    @Test func `an event has both names, of the stage it left too, whoever moved it`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let id = try #require(try await fixture.deal("A")["id"]?.string)
            let path = "/v1/opportunities/\(id)"
            for headers in [Self.english, Self.chinese] {
                _ = try await fixture.send(.post, "\(path)/move", ["stage": "proposal"], headers: headers)
                let told = try await fixture.told(id)
                #expect(told["opportunity"]?["stageName"] == "方案" && told["previous"]?["stageName"] == "初步接洽")
                #expect(told["opportunity"]?["stageNames"] == ["en": "Proposal", "zh": "方案"])
                #expect(told["previous"]?["stageNames"] == ["en": "First contact", "zh": "初步接洽"])
                _ = try await fixture.send(.post, "\(path)/move", ["stage": "contact"], headers: headers)
            }
        }
    }

    /// It wrote the Chinese name alone, and left the other names as they were.
    @Test func `what a release of one language moved has the name that it gave`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let id = try #require(try await fixture.deal("A")["id"]?.string)
            try await fixture.environment.writer.commit(
                fixture.tenant.id,
                [
                    "update \(fixture.tenant.schema).opportunities set stage = 'proposal', stage_name = '方案', win_rate = 49"
                ])
            let path = "/v1/opportunities/\(id)"
            let seen = try await fixture.send(.get, path, headers: Self.english).body
            #expect(seen["stageName"] == "方案" && seen["stageNames"] == .null)
            let line = try await fixture.send(.get, "/v1/forecast?period=2026", headers: Self.english).body["stages"]?
                .array?.first { $0["winRate"] == 49 }
            #expect(line?["name"] == "方案")
            let moved = try await fixture.send(.post, "\(path)/move", ["stage": "needs"], headers: Self.english).body
            #expect(moved["stageName"] == "Needs")
            #expect(try await fixture.told(id)["previous"]?["stageNames"] == .null)
        }
    }

    @Test func `opportunities of an older release get the names of their version of the pipeline`() async throws {
        try await OpportunitiesFixture.with(release: 7) { fixture in
            let (tenant, schema, id) = (fixture.tenant.id, fixture.tenant.schema, UUIDv7.make())
            try await fixture.environment.writer.commit(
                tenant,
                [
                    """
                    insert into \(schema).opportunities (id, version, created_at, updated_at, code, name, product_lines,
                        pipeline_id, pipeline_version, stage, stage_name, win_rate, stage_entered_at, status, custom, search)
                    select \(id), 1, now(), now(), 'OPP-1', 'A', '[]', id, 1, 'needs', '需求', 30, now(), 'open', '{}', 'a'
                    from \(schema).pipelines
                    """
                ])
            let sets = try Backbone.migrations(with: OpportunitiesService.migrations())
            let report = try await TenantProvisioner(fixture.environment.database, sets: sets).migrateAll()
            #expect(report.failed.isEmpty && report.migrated == [tenant])
            let seen = try await fixture.send(.get, "/v1/opportunities/\(id.lowercased)", headers: Self.english).body
            #expect(seen["stageName"] == "Needs" && seen["stageNames"]?["zh"] == "需求" && seen["version"] == 1)
        }
    }

    /// Its pipeline went on without it.
    @Test func `the forecast names stages that are no more in the reader's language`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let pipeline = try #require(try await fixture.ok(.get, "/v1/pipelines")["items"]?[0]?["id"]?.string)
            _ = try await fixture.deal("A", ["stage": "proposal"])
            let stages: JSON = [
                ["key": "offer", "zh": "报价", "en": "Offer", "winRate": 60],
                ["key": "signed", "zh": "签单", "en": "Signed", "winRate": 100],
            ]
            _ = try await fixture.ok(.patch, "/v1/pipelines/\(pipeline)", ["stages": stages])
            for (headers, name) in [(Self.english, "Proposal"), (Self.chinese, "方案")] {
                let forecast = try await fixture.send(.get, "/v1/forecast?period=2026", headers: headers).body
                let line = forecast["stages"]?.array?.first { $0["key"] == "proposal" }
                #expect(line?["name"]?.string == name)
            }
        }
    }

    /// Pipelines whose stages have a name in one language show that one.
    @Test func `a stage without an English name has its Chinese one`() async throws {
        try await OpportunitiesFixture.with { fixture in
            let stages: JSON = [
                ["key": "visit", "zh": "拜访", "winRate": 20], ["key": "signed", "en": "Signed", "winRate": 100],
            ]
            let pipeline = try await fixture.ok(
                .post, "/v1/pipelines", ["name": "P", "template": "custom", "stages": stages])
            let deal = try await fixture.deal("A", ["pipelineId": pipeline["id"] ?? .null])
            #expect(deal["stageName"] == "拜访")
        }
    }
}
