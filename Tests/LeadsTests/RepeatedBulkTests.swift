import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Leads

/// Rows in bulk under an `Idempotency-Key`: each has one effect, however often the request comes.
@Suite struct RepeatedBulkTests {
    private static let rows: [JSON] = (0..<600).map { ["company": .string("Company \($0)")] } + [["company": 5], "x"]

    private func send(
        _ service: LeadsFixture, _ rows: [JSON], key: String? = "k", as mediaType: String = "application/json",
        named name: UUID? = nil, by subject: String = "test"
    ) async throws -> (status: Int, body: JSON, isReplayed: Bool) {
        let principal = Principal(
            tenant: service.tenant.id, subject: subject, kind: .apiKey, role: "admin",
            permissions: ["import", "leads.read", "leads.write"], visibility: .all)
        let router = try Router(
            service.leads.endpoints(), middleware: [Known(principal: principal)],
            events: RouterEvents(unexpected: { _, _, _ in }), translate: { Problem(translating: $0) })
        var headers: HTTPHeaders = ["Content-Type": mediaType]
        if let key { headers["Idempotency-Key"] = key }
        let response = await router.handler(
            HTTPRequest(
                .post, "/v1/leads/bulk" + (name.map { "?name=\($0.uuidString.lowercased())" } ?? ""), headers: headers,
                body: .bytes(JSON.array(rows).serialize())))
        return (
            response.status.code, try service.read(response).body, response.headers.contains("Idempotency-Replayed")
        )
    }

    private func count(_ service: LeadsFixture) async throws -> Int64 {
        try await service.count("select count(*) from \(service.tenant.schema).leads")
    }

    @Test func theFirstAnswerComesAgainAndNothingIsDoubled() async throws {
        try await LeadsFixture.with { service in
            let first = try await send(service, Self.rows)
            #expect(first.status == 200 && !first.isReplayed)
            #expect(first.body["created"] == 600 && first.body["refused"] == 2)
            let again = try await send(service, Self.rows)
            #expect(again.status == 200 && again.isReplayed && again.body == first.body)
            #expect(try await count(service) == 600)

            let other = try await send(service, Array(Self.rows.reversed()))
            #expect(other.status == 422 && other.body["code"] == "idempotencyKeyReused", "\(other.body)")
            // The same bytes are one row here, and no object.
            #expect(try await send(service, Self.rows, as: "Application/X-NDJSON").status == 422)
            let lines = try await send(service, Self.rows, key: "lines", as: "Application/X-NDJSON")
            #expect(lines.body["refused"] == 1 && lines.body["items"]?.array?.count == 1)
            // Another key, and none, are other requests.
            #expect(try await send(service, [["company": "A"]], key: "k2").body["created"] == 1)
            #expect(try await send(service, [["company": "B"]], key: nil).body["created"] == 1)
            #expect(try await send(service, [["company": "C"]], key: nil).isReplayed == false)
            #expect(try await count(service) == 603)
        }
    }

    /// The server goes away between two of the transactions: sent again, the request goes on where it was.
    @Test func oneThatWasCutOffInTheMiddleGoesOn() async throws {
        try await LeadsFixture.with { service in
            let leads: SQL = "\(service.tenant.schema).leads"
            try await service.owner([
                """
                create function \(service.tenant.schema).go_away() returns trigger language plpgsql as $$
                begin
                    if new.company = 'Company 300' then raise exception 'going away' using errcode = '57P01'; end if;
                    return new;
                end $$
                """,
                "create trigger go_away before insert on \(leads) for each row execute function \(service.tenant.schema).go_away()",
            ])
            #expect(try await send(service, Self.rows).status == 503)
            #expect(try await count(service) == 250)
            try await service.owner(["drop trigger go_away on \(leads)"])
            #expect(try await send(service, Array(Self.rows.reversed())).status == 422)
            #expect(try await count(service) == 250)
            let answer = try await send(service, Self.rows)
            #expect(answer.status == 200 && !answer.isReplayed)
            #expect(answer.body["created"] == 600 && answer.body["items"]?.array?.count == 602)
            #expect(try await count(service) == 600)
            #expect(
                try await service.count("select count(distinct company) from \(service.tenant.schema).leads") == 600)
        }
    }

    /// All of a request is forgotten at once, as of its beginning; what is left of one that is a day old is not gone on with.
    @Test func allPartsAreAsOldAsTheFirst() async throws {
        try await LeadsFixture.with { service in
            let keys: SQL = "\(service.tenant.schema).idempotency_keys"
            #expect(try await send(service, Array(Self.rows.prefix(300))).status == 200)
            try await service.owner([
                "delete from \(keys) where jsonb_array_length(convert_from(body, 'UTF8')::jsonb) = 50",
                "update \(keys) set created_at = now() - interval '23 hours'",
            ])
            // Its leads are there already, which is of no interest here.
            #expect(try await send(service, Array(Self.rows.prefix(300))).status == 200)
            #expect(try await service.count("select count(*) from \(keys)") == 2)
            #expect(try await service.count("select count(distinct created_at) from \(keys)") == 1)
            try await service.owner(["update \(keys) set created_at = now() - interval '1445 minutes'"])
            let late = try await send(service, Array(Self.rows.prefix(300)))
            #expect(late.status == 422 && late.body["code"] == "idempotencyKeyReused")
        }
    }

    @Test func rowsThatHaveANameAreMadeOnceWhoeverSendsThem() async throws {
        try await LeadsFixture.with { service in
            let name = UUID()
            let first = try await send(service, Self.rows, key: "a", named: name, by: "first")
            let again = try await send(service, Self.rows, key: "b", named: name, by: "second")
            #expect(first.status == 200 && again.body == first.body && again.isReplayed)
            #expect(try await count(service) == 600)
            let other = try await send(service, [["company": "Another"]], key: "c", named: name)
            #expect(other.status == 422 && other.body["code"] == "idempotencyKeyReused")
            #expect(try await send(service, [["company": "Another"]], key: "c", named: UUID()).status == 200)
        }
    }

    @Test func atOnceOneRunsAndTheOthersHearOfIt() async throws {
        try await LeadsFixture.with { service in
            let answers = try await withThrowingTaskGroup(of: (Int, JSON).self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let answer = try await send(service, Self.rows)
                        return (answer.status, answer.body)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.0 == 200 || $0.1["code"] == "requestInProgress" }, "\(answers.map(\.0))")
            let last = try await send(service, Self.rows)
            #expect(last.status == 200 && answers.allSatisfy { $0.0 == 409 || $0.1 == last.body })
            #expect(try await count(service) == 600)
        }
    }
}

extension LeadsFixture {
    /// As who owns the tables.
    fileprivate func owner(_ statements: [SQL]) async throws {
        let roles = environment.database.roles
        for statement in statements {
            _ = try await environment.database.database.query(
                statement.unprepared(), role: DatabaseRole(roles.owner, login: roles.provisionLogin))
        }
    }
}
