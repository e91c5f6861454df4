import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import ServiceKit
import Tenancy
import Testing
import Values

@testable import Customers

/// The steps of a lead's conversion as the leads service asks for them.
@Suite struct ConversionStepTests {
    private struct Steps: Sendable {
        let fixture: CustomersFixture
        let saga = UUIDv7.make()

        func ask(_ method: HTTPMethod, _ step: String, _ body: JSON = [:]) async throws -> (status: Int, body: JSON) {
            let principal = Principal(
                tenant: fixture.tenant.id, subject: "leads", kind: .service, role: "service",
                permissions: ["conversions.run", "backdate"], visibility: .all)
            let conversions = Conversions(accounts: fixture.accounts, contacts: fixture.contacts)
            let router = try Router(
                conversions.steps.endpoints, middleware: [Known(principal: principal)],
                events: RouterEvents(unexpected: { error, _, _ in Issue.record("\(error)") }),
                translate: { Problem(translating: $0) })
            let path = "/internal/conversions/\(saga.lowercased)" + (step.isEmpty ? "" : "/\(step)")
            let response = await router.handler(
                HTTPRequest(
                    method, path, headers: ["Content-Type": "application/json"], body: .bytes(body.serialize())))
            return (response.status.code, try fixture.read(response))
        }

        func count(_ table: String) async throws -> Int64 {
            try await fixture.count(
                "select count(*) from \(fixture.tenant.schema).\(ident: table) where deleted_at is null")
        }
    }

    private struct Known: Middleware {
        let principal: Principal

        func respond(
            to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
        ) async throws -> HTTPResponse {
            var call = call
            call.principal = principal
            return try await next(call)
        }
    }

    @Test func `a refused step explains itself in both languages, and names what is wrong`() async throws {
        try await CustomersFixture.with { fixture in
            let steps = Steps(fixture: fixture)
            let answer = try await steps.ask(.put, "account", ["kind": "company", "nonsense": 1])
            #expect(answer.status == 422)
            let refusal = try ConversionRefusal(json: answer.body["refusal"] ?? .null)
            #expect(refusal.code == "validationFailed")
            #expect(refusal.en.contains("Name: This must be given.") && refusal.zh.contains("名称：此项必填。"))
            #expect(refusal.errors.map(\.path).sorted() == ["/name", "/nonsense"])
            let missing = refusal.errors.first { $0.path == "/name" }
            #expect(missing?.code == "required" && missing?.en == "This must be given." && missing?.zh == "此项必填。")
        }
    }

    @Test func `what the person who converts may not see is as if it were not there`() async throws {
        try await CustomersFixture.with { fixture in
            let (city, south) = (UUIDv7.make(), UUIDv7.make())
            let ann = fixture.person(.sales, try await fixture.hire("ann", team: city))
            let write = fixture.write(by: ann)
            let account = try fixture.read(try await fixture.accounts.create(["name": "Of Ann"], write))["id"] ?? .null
            let contact =
                try fixture.read(
                    try await fixture.contacts.create(["name": "Li", "accountId": account], write))["id"] ?? .null
            let (stranger, chief) = (fixture.person(.sales, UUIDv7.make()), UUIDv7.make())
            let named: [(step: String, body: JSONObject, path: String)] = [
                ("account", ["id": account], "/accountId"), ("account", ["contactId": contact], "/contactId"),
                ("contact", ["id": contact, "accountId": account], "/contactId"),
            ]
            for (step, body, path) in named {
                let ids = body["id"] != nil ? "id" : "contactId"
                for (sight, isSeen) in [
                    (Sight(ann), true), (Sight(fixture.person(.manager, chief, teams: [city])), true),
                    (Sight(fixture.person(.manager, chief, teams: [south])), false), (Sight(stranger), false),
                    (Sight(fixture.person(.executive, chief)), true),
                ] {
                    let steps = Steps(fixture: fixture)
                    var asked = body
                    asked["seenBy"] = sight.json
                    let answer = try await steps.ask(.put, step, .object(asked))
                    #expect(answer.status == (isSeen ? 200 : 422), "\(step) \(sight)")
                    guard !isSeen else { continue }
                    // Word for word what is said of one that does not exist.
                    let nobody = UUIDv7.make()
                    asked[ids] = nobody.json
                    let absent = try await steps.ask(.put, step, .object(asked))
                    #expect(absent.status == 422 && absent.body["errors"]?[0]?["path"] == .string(path))
                    let text = absent.body["detail"]?.string
                    #expect(answer.body["detail"]?.string == text)
                    let (hidden, missing) = (answer.body["errors"]?[0], absent.body["errors"]?[0])
                    #expect(hidden?["path"] == missing?["path"] && hidden?["code"] == missing?["code"])
                    #expect(
                        hidden?["message"]?.string
                            == missing?["message"]?.string?.replacing(nobody.lowercased, with: body[ids]?.string ?? ""))
                }
            }
            // Whoever may see nothing else sees it not either.
            #expect(
                try await Steps(fixture: fixture).ask(.put, "account", ["id": account, "seenBy": "me"]).status == 422)
        }
    }

    @Test func `a conversion goes on for an owner who has left, or whom this service does not know yet`() async throws {
        try await CustomersFixture.with { fixture in
            let (team, stranger) = (UUIDv7.make(), UUIDv7.make())
            let gone = try await fixture.hire("gone", team: team, isActive: false)
            for owner in [gone, stranger] {
                let steps = Steps(fixture: fixture)
                let made = try await steps.ask(.put, "account", ["name": "海风", "ownerId": owner.json]).body
                let account = try await fixture.accounts.visible(
                    try #require(made["id"]?.string), fixture.context().principal, tenant: fixture.tenant.id)
                #expect(account.ownerID == owner && account.teamID == (owner == gone ? team : nil))
                _ = try await fixture.accounts.delete(account.id.lowercased, fixture.context())
            }
        }
    }

    @Test func `a step asked for many times at once is taken once`() async throws {
        try await CustomersFixture.with { fixture in
            let steps = Steps(fixture: fixture)
            let answers = try await withThrowingTaskGroup(of: JSON.self) { group in
                for _ in 0..<6 { group.addTask { try await steps.ask(.put, "account", ["name": "海风"]).body } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0 == answers[0] && $0["created"] == true }, "\(answers)")
            #expect(try await steps.count("accounts") == 1)
        }
    }

    /// What is sent to `step` as many conversions at once: the objects they have then.
    private func atOnce(_ step: String, _ body: JSON, _ fixture: CustomersFixture) async throws -> Set<JSON?> {
        try await withThrowingTaskGroup(of: JSON?.self) { group in
            for _ in 0..<6 {
                group.addTask { try await Steps(fixture: fixture).ask(.put, step, body).body["id"] }
            }
            return try await group.reduce(into: Set<JSON?>()) { $0.insert($1) }
        }
    }

    @Test(arguments: DuplicateAction.allCases)
    func `leads of one company at once are one account, whatever the policy`(
        _ action: DuplicateAction
    ) async throws {
        try await CustomersFixture.with { fixture in
            try await fixture.set(action)
            let ids = try await atOnce("account", ["name": "海风有限公司", "phone": "010-6552 9988"], fixture)
            #expect(ids.count == 1 && !ids.contains(nil), "\(ids)")
            #expect(try await fixture.count("select count(*) from \(fixture.tenant.schema).accounts") == 1)
        }
    }

    @Test(arguments: DuplicateAction.allCases)
    func `leads of one person at once are one account and one contact, whatever the policy`(
        _ action: DuplicateAction
    ) async throws {
        try await CustomersFixture.with { fixture in
            try await fixture.set(action)
            let person: JSONObject = ["name": "王伟", "phone": "13800138000"]
            var account = person
            account["kind"] = "person"
            let accounts = try await atOnce("account", .object(account), fixture)
            #expect(accounts.count == 1 && !accounts.contains(nil), "\(accounts)")
            var contact = person
            contact["accountId"] = accounts.first ?? .null
            let contacts = try await atOnce("contact", .object(contact), fixture)
            #expect(contacts.count == 1 && !contacts.contains(nil), "\(contacts)")
            #expect(try await fixture.count("select count(*) from \(fixture.tenant.schema).contacts") == 1)
        }
    }

    @Test func `taken back, what it made is gone, what was there or was touched stays`() async throws {
        try await CustomersFixture.with { fixture in
            let steps = Steps(fixture: fixture)
            let account = try await steps.ask(.put, "account", ["name": "海风"]).body
            let contact = try await steps.ask(
                .put, "contact", ["name": "王", "phone": "13800138000", "accountId": account["id"] ?? .null]
            ).body
            let touched = try #require(contact["id"]?.string)
            _ = try await fixture.contacts.patch(touched, ["title": "CTO"], fixture.context())
            #expect(try await steps.ask(.delete, "").status == 204)
            #expect(try await steps.ask(.delete, "").status == 204)
            #expect(try await steps.count("accounts") == 0)
            #expect(try await steps.count("contacts") == 1)
            // A command that was long on its way makes nothing any more.
            let late = Steps(fixture: fixture)
            #expect(try await late.ask(.delete, "").status == 204)
            #expect(try await late.ask(.put, "account", ["name": "太晚"]).status == 422)
            let known = try await fixture.account("1")
            #expect(try await late.ask(.put, "account", ["id": known.id.json]).status == 422)
            #expect(try await steps.count("accounts") == 1)
        }
    }

    @Test func `what another conversion found is taken back with the last of them`() async throws {
        try await CustomersFixture.with { fixture in
            let (first, second) = (Steps(fixture: fixture), Steps(fixture: fixture))
            let made = try await first.ask(.put, "account", ["name": "海风"]).body
            let found = try await second.ask(.put, "account", ["name": "海风"]).body
            #expect(found["id"] == made["id"] && found["created"] == false)
            #expect(try await first.ask(.delete, "").status == 204)
            #expect(try await first.count("accounts") == 1)
            #expect(try await second.ask(.delete, "").status == 204)
            #expect(try await first.count("accounts") == 0)
        }
    }

    @Test func `taken back, its number elsewhere is free for the next`() async throws {
        try await CustomersFixture.with { fixture in
            let body: JSON = ["name": "海风", "externalSystem": "web", "externalId": "7"]
            for _ in 0..<2 {
                let steps = Steps(fixture: fixture)
                let made = try await steps.ask(.put, "account", body)
                #expect(made.status == 200 && made.body["created"] == true)
                #expect(try await steps.ask(.delete, "").status == 204)
            }
            // What somebody deleted is not taken for a customer, and not made a second time.
            let stood = try await fixture.account("1")
            _ = try await fixture.accounts.delete(stood.id.lowercased, fixture.context())
            let refused = try await Steps(fixture: fixture).ask(
                .put, "account", ["name": "Customer 1", "externalSystem": "shop", "externalId": "1"])
            #expect(refused.status == 409 && refused.body["detail"]?.string?.contains("restore") == true)
        }
    }

    @Test func `what another conversion takes at the moment of taking back stays`() async throws {
        try await CustomersFixture.with { fixture in
            let (first, second) = (Steps(fixture: fixture), Steps(fixture: fixture))
            let made = try await first.ask(.put, "account", ["name": "海风"]).body
            let id = try #require(made["id"]?.string.flatMap { UUID($0) })
            let status = try await fixture.whileHeld(
                ["select shared.take_turn('conversion-objects', \([id.lowercased]))"],
                then: [
                    """
                    insert into \(fixture.tenant.schema).conversions (saga, step, object_id, created, version)
                    values (\(second.saga), 'account', \(id), false, 1)
                    """
                ]
            ) { try await first.ask(.delete, "").status }
            #expect(status == 204)
            #expect(try await first.count("accounts") == 1)
            #expect(try await second.ask(.delete, "").status == 204)
            #expect(try await first.count("accounts") == 0)
        }
    }

    @Test func `what is archived at the moment of being found is made anew`() async throws {
        try await CustomersFixture.with { fixture in
            let (first, second) = (Steps(fixture: fixture), Steps(fixture: fixture))
            let made = try await first.ask(.put, "account", ["name": "海风"]).body
            let id = try #require(made["id"]?.string.flatMap { UUID($0) })
            let taken = try await fixture.whileHeld(
                ["select shared.take_turn('conversion-objects', \([id.lowercased]))"],
                then: ["update \(fixture.tenant.schema).accounts set deleted_at = now() where id = \(id)"]
            ) { try await second.ask(.put, "account", ["name": "海风"]) }
            #expect(taken.status == 200 && taken.body["created"] == true && taken.body["id"] != made["id"])
        }
    }

    @Test func `what is touched at the moment of taking back stays`() async throws {
        try await CustomersFixture.with { fixture in
            let steps = Steps(fixture: fixture)
            let made = try await steps.ask(.put, "account", ["name": "海风"]).body
            let id = try #require(made["id"]?.string.flatMap { UUID($0) })
            let status = try await fixture.whileHeld(
                [
                    """
                    update \(fixture.tenant.schema).accounts set industry = 'music', version = version + 1
                    where id = \(id)
                    """
                ]
            ) { try await steps.ask(.delete, "").status }
            #expect(status == 204)
            #expect(try await steps.count("accounts") == 1)
        }
    }

    @Test func `of two taken back at once one takes what they share with it`() async throws {
        try await CustomersFixture.with { fixture in
            for number in 0..<8 {
                let (first, second) = (Steps(fixture: fixture), Steps(fixture: fixture))
                let body: JSON = ["name": .string("海风\(number)号")]
                _ = try await first.ask(.put, "account", body)
                _ = try await second.ask(.put, "account", body)
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for steps in [first, second] { group.addTask { try await steps.ask(.delete, "").status } }
                    for try await status in group { #expect(status == 204) }
                }
                #expect(try await first.count("accounts") == 0, "\(number)")
            }
        }
    }

    @Test func `what is named is taken, and what does not fit is refused`() async throws {
        try await CustomersFixture.with { fixture in
            let (one, two) = (try await fixture.account("1"), try await fixture.account("2"))
            let answer = try await fixture.contacts.create(
                ["name": "王", "accountId": one.id.json, "phone": "13800138000"], fixture.context())
            let contact = try fixture.read(answer)["id"] ?? .null
            var steps = Steps(fixture: fixture)
            let byContact = try await steps.ask(.put, "account", ["name": "X", "contactId": contact]).body
            #expect(byContact["id"] == one.id.json && byContact["created"] == false)
            let named = try await steps.ask(.put, "contact", ["id": contact, "accountId": one.id.json]).body
            #expect(named["id"] == contact && named["created"] == false)
            steps = Steps(fixture: fixture)
            #expect(try await steps.ask(.put, "contact", ["id": contact, "accountId": two.id.json]).status == 422)
            #expect(try await steps.ask(.put, "account", ["id": UUIDv7.make().json]).status == 422)
            #expect(try await steps.ask(.put, "account", ["contactId": UUIDv7.make().json, "name": "X"]).status == 422)
            // The person with this phone is at that account already.
            let same = try await steps.ask(
                .put, "contact", ["name": "王总", "phone": "+86 138-0013-8000", "accountId": one.id.json]
            ).body
            #expect(same["id"] == contact && same["created"] == false)
        }
    }

    @Test func `companies are one by their name, people are not`() async throws {
        try await CustomersFixture.with { fixture in
            func account(_ body: JSON) async throws -> JSON? {
                try await Steps(fixture: fixture).ask(.put, "account", body).body["id"]
            }
            let company = try await account(["name": "北京海风有限公司"])
            #expect(try await account(["name": "北京市海风股份有限公司"]) == company)
            let person = try await account(["name": "王伟", "kind": "person", "phone": "13800138000"])
            #expect(try await account(["name": "王伟", "kind": "person", "phone": "13900139000"]) != person)
            #expect(try await account(["name": "老王", "kind": "person", "phone": "138 0013 8000"]) == person)
        }
    }
}
