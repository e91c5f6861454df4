import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Testing
import Values

@testable import Customers

/// Whose customers are, who sees them, and whom they can be given to.
@Suite struct OwnerTests {
    @Test func `a manager sees what his people own, and others do not`() async throws {
        try await Staff.with { staff in
            let account = try await staff.made("accounts", ["name": "Of Ann"], by: staff.ann)
            #expect(account["ownerId"] == staff.ann.subjectID.json && account["teamId"] == staff.city.json)
            let contact = try await staff.made("contacts", ["name": "Li", "accountId": account.id], by: staff.ann)
            #expect(contact["teamId"] == staff.city.json)
            let own = try await staff.order(1, of: account, ["ownerId": staff.ann.subjectID.json])
            #expect(own["teamId"] == staff.city.json)
            // An order of nobody is seen with its customer.
            let nobodys = try await staff.order(2, of: account)
            #expect(nobodys["ownerId"] == .null && nobodys["teamId"] == .null)
            for (collection, objects) in [
                ("accounts", [account]), ("contacts", [contact]), ("orders", [own, nobodys]),
            ] {
                for (who, sees) in [(staff.ann, true), (staff.chief, true), (staff.boss, true), (staff.bo, false)] {
                    let list = try await staff.send(.get, "/v1/\(collection)", by: who)
                    #expect(list.body["items"]?.array?.count == (sees ? objects.count : 0), "\(collection) \(who.role)")
                    for object in objects {
                        let one = try await staff.send(.get, "/v1/\(collection)/\(object.key)", by: who)
                        #expect(one.status == (sees ? 200 : 404), "\(collection) \(who.role)")
                    }
                }
            }
            let told = "/v1/orders/by-external/erp/1"
            #expect(try await staff.send(.get, told, by: staff.chief).status == 200)
            #expect(try await staff.send(.get, told, by: staff.bo).status == 404)
        }
    }

    @Test(arguments: [DuplicateAction.createAndFlag, .link, .block])
    func `who tells what others own sees and changes nothing of it`(_ action: DuplicateAction) async throws {
        try await Staff.with { staff in
            try await staff.fixture.set(action)
            let told: JSON = [
                "name": "海风有限公司", "phone": "010-6552 9988", "externalSystem": "erp", "externalId": "100023",
            ]
            let account = try await staff.made("accounts", told, by: staff.ann)
            let contact = try await staff.made(
                "contacts",
                [
                    "name": "Li", "phone": "13800138000", "accountId": account.id, "externalSystem": "erp",
                    "externalId": "1",
                ], by: staff.ann)
            let tellings: [(path: String, body: JSON, of: JSON)] = [
                ("accounts", ["name": "x", "externalSystem": "erp", "externalId": "100023"], account),
                (
                    "contacts", ["name": "x", "externalSystem": "erp", "externalId": "1", "accountId": account.id],
                    contact
                ),
            ]
            for (path, body, record) in tellings {
                let answer = try await staff.send(.post, "/v1/\(path)", body, by: staff.bo)
                #expect(answer.status == 409 && answer.body["code"] == "duplicate", "\(path)")
                #expect(!"\(answer.body)".contains(record.key) && !"\(answer.body)".contains("13800138000"))
                #expect(try await staff.send(.post, "/v1/\(path)", body, by: staff.ann).status == 200)
            }
            let alike = try await staff.send(
                .post, "/v1/accounts", ["name": "海风股份有限公司", "email": "bo@example.com"], by: staff.bo)
            #expect(alike.status == (action == .createAndFlag ? 201 : 409), "\(alike.body)")
            let stored = try await staff.send(.get, "/v1/accounts/\(account.key)", by: staff.ann)
            #expect(stored.body["version"] == 1 && stored.body["email"] == .null)
        }
    }

    @Test func `another owner brings his team, and giving customers away needs the permission`() async throws {
        try await Staff.with { staff in
            let account = try await staff.made("accounts", ["name": "A"], by: staff.ann)
            let contact = try await staff.made("contacts", ["name": "Li"], by: staff.ann)
            let order = try await staff.order(1, of: account, ["ownerId": staff.ann.subjectID.json])
            let bo: JSON = ["ownerId": staff.bo.subjectID.json]
            #expect(try await staff.send(.patch, "/v1/accounts/\(account.key)", bo, by: staff.ann).status == 403)
            let given: JSON = ["name": "Other", "ownerId": staff.bo.subjectID.json]
            #expect(try await staff.send(.post, "/v1/accounts", given, by: staff.ann).status == 403)
            for (collection, object, who) in [
                ("accounts", account, staff.chief), ("contacts", contact, staff.chief), ("orders", order, staff.boss),
            ] {
                let path = "/v1/\(collection)/\(object.key)"
                let changed = try await staff.send(.patch, path, bo, by: who)
                #expect(changed.status == 200 && changed.body["teamId"] == staff.south.json, "\(collection)")
                #expect(try await staff.send(.get, path, by: staff.bo).status == 200)
            }
            #expect(try await staff.send(.get, "/v1/accounts/\(account.key)", by: staff.ann).status == 404)
            #expect(try await staff.fixture.events().map(\.type).contains("account.assigned"))
            // The team that is asked for stands.
            let both: JSON = ["ownerId": staff.ann.subjectID.json, "teamId": staff.south.json]
            let asked = try await staff.send(.patch, "/v1/accounts/\(account.key)", both, by: staff.boss)
            #expect(asked.body["teamId"] == staff.south.json)
        }
    }

    @Test func `what somebody owns stays with the team it was given to when he moves to another`() async throws {
        try await Staff.with { staff in
            let path = "/v1/accounts/\(try await staff.made("accounts", ["name": "Before"], by: staff.ann).key)"
            _ = try await staff.fixture.hire("ann", id: try #require(staff.ann.subjectID), team: staff.south)
            let changed = try await staff.send(.patch, path, ["industry": "x"], by: staff.ann)
            #expect(changed.status == 200 && changed.body["teamId"] == staff.city.json)
            #expect(try await staff.made("accounts", ["name": "After"], by: staff.ann)["teamId"] == staff.south.json)
            // Handing over is somebody's decision.
            let moved = try await staff.send(.patch, path, ["teamId": staff.south.json], by: staff.boss)
            #expect(moved.body["teamId"] == staff.south.json && moved.body["ownerId"] == staff.ann.subjectID.json)
        }
    }

    @Test(arguments: ["accounts", "contacts", "orders"])
    func `an owner who does not exist or has left is refused by name`(collection: String) async throws {
        try await Staff.with { staff in
            let account = try await staff.made("accounts", ["name": "A"], by: staff.boss)
            let gone = try await staff.fixture.hire("gone", team: staff.city, isActive: false)
            let made = try await staff.made(collection, staff.body(collection, 1, of: account), by: staff.boss)
            for (number, owner, code) in [(2, UUIDv7.make(), "unknownReference"), (3, gone, "inactiveUser")] {
                let body = staff.body(collection, number, of: account, ["ownerId": owner.json])
                let refused = try await staff.send(.post, "/v1/\(collection)", body, by: staff.boss)
                #expect(refused.status == 422)
                #expect(
                    refused.body["errors"]?[0]?["path"] == "/ownerId"
                        && refused.body["errors"]?[0]?["code"] == .string(code))
                let path = "/v1/\(collection)/\(made.key)"
                #expect(try await staff.send(.patch, path, ["ownerId": owner.json], by: staff.boss).status == 422)
                // A row for itself.
                let rows: JSON = [body, staff.body(collection, number + 10, of: account)]
                let bulk = try await staff.send(.post, "/v1/\(collection)/bulk", rows, by: staff.boss)
                #expect(bulk.body["items"]?.array?.map { $0["status"]?.int } == [422, 201])
            }
        }
    }

    @Test func `what is told again stands, although somebody in it has left since`() async throws {
        try await Staff.with { staff in
            let account = try await staff.made("accounts", ["name": "A"], by: staff.boss)
            let owner: JSON = ["ownerId": staff.ann.subjectID.json]
            let order = try await staff.order(1, of: account, owner.object ?? [:])
            _ = try await staff.fixture.hire(
                "ann", id: try #require(staff.ann.subjectID), team: staff.south, isActive: false)
            let body = staff.body("orders", 1, of: account, owner.object ?? [:])
            let again = try await staff.send(.post, "/v1/orders", body, by: staff.boss)
            #expect(again.status == 200 && again.body["version"] == 1 && again.body["teamId"] == staff.city.json)
            let path = "/v1/orders/\(order.key)"
            let changed: JSON = ["ownerId": staff.ann.subjectID.json, "channel": "web"]
            #expect(try await staff.send(.patch, path, changed, by: staff.boss).status == 200)
            // Another order is another matter.
            let other = staff.body("orders", 2, of: account, owner.object ?? [:])
            #expect(try await staff.send(.post, "/v1/orders", other, by: staff.boss).status == 422)
        }
    }
}

/// Two teams, a person in each, who manages the one, and who sees everything; the service's endpoints without sockets.
private struct Staff: Sendable {
    let fixture: CustomersFixture
    let city = UUIDv7.make()
    let south = UUIDv7.make()
    let ann: Principal
    let bo: Principal
    let chief: Principal
    let boss: Principal
    private let router: Router

    static func with(_ body: @escaping @Sendable (Staff) async throws -> Void) async throws {
        try await CustomersFixture.with { try await body(try await Staff($0)) }
    }

    private init(_ fixture: CustomersFixture) async throws {
        self.fixture = fixture
        ann = fixture.person(.sales, try await fixture.hire("ann", team: city))
        bo = fixture.person(.sales, try await fixture.hire("bo", team: south))
        chief = fixture.person(.manager, try await fixture.hire("chief", team: city), teams: [city])
        boss = fixture.person(.admin, try await fixture.hire("boss"))
        router = try Router(
            fixture.accounts.endpoints() + fixture.contacts.endpoints() + fixture.orders.resource.endpoints(),
            middleware: [Posing()],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record("\(error)") }),
            translate: { Problem(translating: $0) })
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: JSON? = nil, by principal: Principal
    ) async throws -> (status: Int, body: JSON) {
        var request = HTTPRequest(method, path)
        if let body {
            request.headers["Content-Type"] = "application/json"
            request.body = .bytes(body.serialize())
        }
        let response = await Posing.$principal.withValue(principal) { await router.respond(to: request) }
        return (response.status.code, try fixture.read(response))
    }

    func made(_ collection: String, _ body: JSON, by principal: Principal) async throws -> JSON {
        let answer = try await send(.post, "/v1/\(collection)", body, by: principal)
        #expect(answer.status == 201, "\(answer.body)")
        return answer.body
    }

    func order(_ number: Int, of account: JSON, _ more: JSONObject = [:]) async throws -> JSON {
        try await made("orders", body("orders", number, of: account, more), by: boss)
    }

    func body(_ collection: String, _ number: Int, of account: JSON, _ more: JSONObject = [:]) -> JSON {
        var body: JSONObject =
            switch collection {
            case "orders":
                [
                    "externalSystem": "erp", "externalId": .string("\(number)"), "accountId": account.id,
                    "orderedOn": "2026-01-01", "amount": ["amount": "1.00", "currency": "USD"],
                ]
            default: ["name": .string("Name \(number)")]
            }
        for (name, value) in more { body[name] = value }
        return .object(body)
    }
}

private struct Posing: Middleware {
    @TaskLocal static var principal: Principal?

    func respond(to call: Call, next: @Sendable (Call) async throws -> HTTPResponse) async throws -> HTTPResponse {
        var call = call
        call.principal = Self.principal
        return try await next(call)
    }
}

extension JSON {
    fileprivate var id: JSON { self["id"] ?? .null }
    fileprivate var key: String { self["id"]?.string ?? "" }
}
