import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import ServiceKit
import Synchronization
import Tenancy
import Testing
import Values

@testable import Leads

/// Conversions with every failure half-way: what is stored, what the neighbours hold, what the caller is told.
@Suite(.timeLimit(.minutes(3))) struct ConversionTests {
    private static let steps = ["account", "contact", "opportunity"]

    @Test func `a lead becomes account, contact and opportunity, and asked again it is the same`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            let first = try await fixture.convert(lead)
            #expect(first.status == 201 && first.body["saga"]?["status"] == "completed")
            let again = try await fixture.convert(lead, ["opportunity": .null])
            #expect(again.status == 201 && again.body == first.body)
            #expect(fixture.neighbours.standing.count == 3)
            let stored = try await fixture.get(lead)
            #expect(stored["status"] == "converted" && stored["accountId"] == first.body["accountId"])
            #expect(try await fixture.told(lead) == ["lead.created", "lead.conversion-started", "lead.converted"])
        }
    }

    @Test func `account and contact are named, and nothing of them is made`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            let (account, contact) = (UUIDv7.make(), UUIDv7.make())
            let done = try await fixture.convert(lead, ["accountId": account.json, "contactId": contact.json])
            #expect(done.status == 201)
            #expect(done.body["accountId"] == account.json && done.body["contactId"] == contact.json)
            #expect(fixture.neighbours.standing.count == 1)
            #expect(fixture.neighbours.state.withLock { $0.bodies["opportunity"]?["accountId"] } == account.json)
            // A contact named alone says whose customer is meant.
            _ = try await fixture.convert(try await fixture.lead(["person": "李"]), ["contactId": contact.json])
            let body = fixture.neighbours.state.withLock { $0.bodies["account"] }
            #expect(body?["contactId"] == contact.json && body?["kind"] == "person")
        }
    }

    @Test func `the services are told who sees what is named, and nothing of it for what is made`() async throws {
        try await ConversionFixture.with { fixture in
            let (account, contact) = (UUIDv7.make(), UUIDv7.make())
            _ = try await fixture.convert(
                try await fixture.lead(), ["accountId": account.json, "contactId": contact.json])
            var bodies = fixture.neighbours.state.withLock { $0.bodies }
            #expect(bodies["account"]?["seenBy"]?["visibility"] == "all")
            #expect(bodies["contact"]?["seenBy"]?["visibility"] == "all")
            // Nobody says for himself what he sees.
            let claim: JSON = ["visibility": "all", "subject": "me", "teams": []]
            _ = try await fixture.convert(
                try await fixture.lead(["person": "李"]), ["account": ["name": "New", "seenBy": claim]])
            bodies = fixture.neighbours.state.withLock { $0.bodies }
            #expect(bodies["account"]?.object?["seenBy"] == nil && bodies["contact"]?.object?["seenBy"] == nil)
        }
    }

    @Test func `another owner brings his own team`() async throws {
        try await ConversionFixture.with { fixture in
            let (north, south) = (UUIDv7.make(), UUIDv7.make())
            let ann = try await fixture.service.hire("ann", team: north)
            let bo = try await fixture.service.hire("bo", team: south)
            let lead = try await fixture.lead(["company": "North", "person": "李", "ownerId": ann.json])
            #expect(try await fixture.convert(lead, ["account": ["ownerId": bo.json]]).status == 201)
            let bodies = fixture.neighbours.state.withLock { $0.bodies }
            #expect(bodies["account"]?["ownerId"] == bo.json && bodies["account"]?.object?["teamId"] == nil)
            #expect(bodies["contact"]?["ownerId"] == ann.json && bodies["contact"]?["teamId"] == north.json)
        }
    }

    @Test func `whoever is named as an owner is there`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            for step in Self.steps {
                let refused = try await fixture.convert(lead, .object([step: ["ownerId": UUIDv7.make().json]]))
                #expect(refused.status == 422)
                #expect(refused.body["errors"]?[0]?["path"] == .string("/\(step)/ownerId"))
            }
            #expect(try await fixture.conversions() == [])
            let ann = try await fixture.service.hire("ann")
            // What may not be given to another by itself is not given by the way either.
            let seller = Principal(
                tenant: fixture.service.tenant.id, subject: try await fixture.service.hire("bo").lowercased,
                kind: .user,
                role: "sales", permissions: ["leads.convert"], visibility: .all)
            for (step, status) in [("account", 403), ("opportunity", 403)] {
                let given: JSON = .object([step: ["ownerId": ann.json]])
                #expect(try await fixture.convert(lead, given, by: seller).status == status)
            }
            #expect(try await fixture.conversions() == [])
            #expect(try await fixture.convert(lead, ["account": ["ownerId": ann.json]]).status == 201)
        }
    }

    @Test(
        arguments: [
            ["accountId": "nonsense"], ["account": "海风"],
            ["accountId": "0192f0c0-0000-7000-8000-000000000001", "account": [:]],
            ["contact": []], ["color": "red"],
            ["account": ["leadId": "0192f0c0-0000-7000-8000-000000000001"]],
            ["contact": ["accountId": "0192f0c0-0000-7000-8000-000000000001"]],
            ["opportunity": ["leadId": "0192f0c0-0000-7000-8000-000000000001"]],
            ["opportunity": ["contactId": "0192f0c0-0000-7000-8000-000000000001"]],
        ] as [JSON])
    func `a body that cannot be meant is refused, and nothing begins`(body: JSON) async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            #expect(try await fixture.convert(lead, body).status == 422)
            #expect(try await fixture.conversions() == [])
            #expect(try await fixture.get(lead)["status"] == "new")
        }
    }

    // MARK: - Keys

    @Test func `the same key and body is the same answer, another body is refused`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            let body: JSON = ["opportunity": ["name": "One"]]
            let first = try await fixture.convert(lead, body, key: "k")
            let second = try await fixture.convert(lead, body, key: "k")
            #expect(first.status == 201 && !first.replayed && second.replayed)
            #expect(second.status == 201 && second.body == first.body)
            #expect(try await fixture.convert(lead, ["opportunity": ["name": "Two"]], key: "k").status == 422)
            // A key that finds the work done is a key, too.
            #expect(try await fixture.convert(lead, [:], key: "other").body == first.body)
            #expect(try await fixture.convert(lead, body, key: "other").status == 422)
        }
    }

    @Test func `a refused conversion is refused again under its key, and begins anew without`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble("opportunity", .refuse)
            let first = try await fixture.convert(lead, key: "k")
            #expect(first.status == 422)
            fixture.neighbours.trouble("opportunity", nil)
            let second = try await fixture.convert(lead, key: "k")
            #expect(second.status == 422 && second.body["detail"] == first.body["detail"])
            #expect(try await fixture.convert(lead).status == 201)
            #expect(try await fixture.conversions() == ["failed", "completed"])
        }
    }

    /// The clock was ahead when it was asked for, and has been put right since.
    @Test(arguments: [false, true])
    func `a conversion of a time to come ends now`(isRefused: Bool) async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble("opportunity", .unavailable(1_000_000))
            #expect(try await fixture.convert(lead).status == 202)
            let tenant = fixture.service.tenant
            try await fixture.service.environment.writer.commit(
                tenant.id, ["update \(tenant.schema).conversions set occurred_at = now() + interval '1 hour'"])
            fixture.neighbours.trouble("opportunity", isRefused ? .refuse : nil)
            #expect(try await fixture.convert(lead).status == (isRefused ? 422 : 201))
            #expect(try await fixture.conversions() == [isRefused ? "failed" : "completed"])
        }
    }

    @Test func `a key sent again while the conversion runs is answered with it`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble("opportunity", .unavailable(1_000_000))
            let first = try await fixture.convert(lead, key: "k")
            #expect(first.status == 202 && first.body["saga"]?["status"] == "running")
            fixture.neighbours.trouble("opportunity", nil)
            let second = try await fixture.convert(lead, key: "k")
            #expect(second.status == 201 && second.body["saga"]?["id"] == first.body["saga"]?["id"])
        }
    }

    @Test func `a key is answered though the lead is gone by now`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            let first = try await fixture.convert(lead, key: "k")
            #expect(first.status == 201)
            let tenant = fixture.service.tenant
            try await fixture.service.environment.writer.commit(
                tenant.id, ["update \(tenant.schema).leads set deleted_at = now() where id = \(UUID(uuidString: lead))"]
            )
            #expect(try await fixture.convert(lead).status == 404)
            let second = try await fixture.convert(lead, key: "k")
            #expect(second.status == 201 && second.replayed)
            #expect(second.body["accountId"] == first.body["accountId"])
        }
    }

    /// Sent again while the first is being stored: the conversion is the one that was stored.
    @Test func `a key sent many times at once is one conversion`() async throws {
        try await ConversionFixture.with { fixture in
            for _ in 0..<8 {
                let lead = try await fixture.lead()
                let answers = try await withThrowingTaskGroup(of: (Int, JSON).self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            let answer = try await fixture.convert(lead, key: "k")
                            return (answer.status, answer.body)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let done = answers.filter { $0.0 == 201 }
                #expect(!done.isEmpty && done.allSatisfy { $0.1 == done[0].1 })
                #expect(answers.filter { $0.0 != 201 }.allSatisfy { $0.1["code"] == "requestInProgress" }, "\(answers)")
            }
        }
    }

    // MARK: - Half-way

    @Test(arguments: steps)
    func `a step refused for good leaves nothing half-done`(step: String) async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble(step, .refuse)
            let answer = try await fixture.convert(lead)
            #expect(answer.status == 422 && answer.body["detail"]?.string?.contains("not this one") == true)
            #expect(fixture.neighbours.standing.isEmpty)
            // Each that was asked, also the one that refused, is told once.
            let asked = fixture.neighbours.state.withLock { $0.asked }
            #expect(asked.filter { $0 == "undo" }.count == asked.filter { $0 != "undo" }.count)
            let stored = try await fixture.get(lead)
            #expect(stored["status"] == "qualified" && stored["accountId"] == .null && stored["conversionId"] == .null)
            #expect(try await fixture.told(lead).last == "lead.conversion-failed")
            #expect(try await fixture.conversions() == ["failed"])
        }
    }

    /// Asked again under its key, by whoever reads it.
    @Test(arguments: steps)
    func `a refusal reads in the reader's language and marks the member`(step: String) async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble(step, .refuse)
            for (language, detail, message) in [
                ("en", "The conversion was refused: Name: not this one", "not this one"),
                ("zh", "转化被拒绝：名称：不是这个", "不是这个"),
                ("en", "The conversion was refused: Name: not this one", "not this one"),
            ] {
                let answer = try await fixture.convert(lead, key: "k", language: language)
                #expect(answer.status == 422 && answer.body["detail"]?.string == detail)
                #expect(answer.body["code"] == "ruleViolated" && answer.body["reason"] == "validationFailed")
                #expect(
                    answer.body["errors"] == [
                        ["path": .string("/\(step)/name"), "code": "required", "message": .string(message)]
                    ])
            }
            let told = try await fixture.lastTold(lead)
            #expect(told["reason"] == "Name: not this one" && told["refusal"]?["zh"] == "名称：不是这个")
            #expect(told["refusal"]?["errors"]?[0]?["path"] == .string("/\(step)/name"))
        }
    }

    @Test func `what services and stored conversions of an older release say is read as it is`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble("contact", .refuseInEnglish)
            let answer = try await fixture.convert(lead, key: "k", language: "zh")
            #expect(answer.status == 422 && answer.body["detail"] == "转化被拒绝：not this one")
            #expect(answer.body["errors"]?[0]?["path"] == "/contact/name")
            let (tenant, schema) = (fixture.service.tenant.id, fixture.service.tenant.schema)
            try await fixture.service.environment.writer.commit(
                tenant, ["update \(schema).conversions set refusal = null, reason = 'Correct this. /name: Give it.'"])
            let stored = try await fixture.convert(lead, key: "k", language: "zh")
            #expect(stored.status == 422 && stored.body["detail"] == "转化被拒绝：Correct this. /name: Give it.")
            #expect(stored.body["errors"] == [])
        }
    }

    @Test(arguments: steps)
    func `a service that is down for a while delays, and makes nothing twice`(step: String) async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble(step, .unavailable(2))
            #expect(try await fixture.convert(lead).status == 201)
            #expect(fixture.neighbours.standing.count == 3)
        }
    }

    @Test(arguments: steps)
    func `an answer that was lost is asked for again and is the same`(step: String) async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble(step, .loseAnswer(1))
            #expect(try await fixture.convert(lead).status == 201)
            #expect(fixture.neighbours.standing.count == 3)
        }
    }

    @Test(arguments: steps)
    func `killed between two steps, it goes on after the restart`(step: String) async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble(step, .hold)
            let killed = Task { try await fixture.convert(lead) }
            let before = Self.steps.prefix { $0 != step }
            while try await fixture.conversions().isEmpty
                || fixture.neighbours.state.withLock({ $0.asked.count }) < before.count
            {
                try await Task.sleep(for: .milliseconds(5))
            }
            killed.cancel()
            _ = await killed.result
            fixture.neighbours.trouble(step, nil)
            #expect(try await fixture.get(lead)["status"] == "qualified")
            let runner = try fixture.restarted()
            try await runner.pass(fixture.service.tenant.id, now: .now() + .seconds(120))
            #expect(try await fixture.get(lead)["status"] == "converted")
            #expect(fixture.neighbours.standing.count == 3)
            #expect(try await fixture.conversions() == ["completed"])
        }
    }

    @Test func `killed while taking back, it takes back after the restart`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble("opportunity", .unavailable(1_000_000))
            #expect(try await fixture.convert(lead).status == 202)
            // As it stood when the refusal had been stored and nothing else.
            try await fixture.service.environment.writer.commit(
                fixture.service.tenant.id,
                ["update \(fixture.service.tenant.schema).conversions set phase = 'compensating', reason = 'no'"])
            try await fixture.restarted().pass(fixture.service.tenant.id, now: .now() + .seconds(120))
            #expect(fixture.neighbours.standing.isEmpty)
            #expect(try await fixture.get(lead)["status"] == "qualified")
            #expect(try await fixture.conversions() == ["failed"])
        }
    }

    @Test func `one that throws is logged and rests, and its siblings of that round go on`() async throws {
        try await ConversionFixture.with { fixture in
            let (tenant, schema) = (fixture.service.tenant.id, fixture.service.tenant.schema)
            fixture.neighbours.trouble("opportunity", .unavailable(1_000_000))
            var leads: [String] = []
            // As many as are taken up at once: the one that throws must not wait behind those that are held.
            for number in 0..<8 { leads.append(try await fixture.lead(["company": .string("C\(number)")])) }
            try await withThrowingTaskGroup(of: Int.self) { [leads] group in
                for lead in leads { group.addTask { try await fixture.convert(lead).status } }
                for try await status in group { #expect(status == 202) }
            }
            // Nobody makes a customer of a lead that is gone: to finish this one throws.
            let broken = leads.removeFirst()
            try await fixture.service.environment.writer.commit(
                tenant,
                [
                    "update \(schema).leads set deleted_at = now() where id = \(UUID(uuidString: broken))",
                    """
                    update \(schema).conversions set attempts = 0, results = results || jsonb_build_object('opportunity',
                        results->'account') where lead_id = \(UUID(uuidString: broken))
                    """,
                ])
            func tried() async throws -> Int64 {
                try await fixture.service.count(
                    "select attempts::bigint from \(schema).conversions where lead_id = \(UUID(uuidString: broken))")
            }
            // The others are in the middle of it when it throws.
            fixture.neighbours.trouble("opportunity", .hold)
            let log = FileManager.default.temporaryDirectory.appending(path: "conversions-\(UUIDv7.make().lowercased)")
            #expect(FileManager.default.createFile(atPath: log.path, contents: nil))
            let file = try FileHandle(forWritingTo: log)
            let sink = LogSink(descriptor: file.fileDescriptor)
            let runner = try fixture.restarted(log: sink)
            async let round: Void = runner.pass(tenant, now: .now() + .seconds(120))
            let patience = Deadline.after(.seconds(20))
            while try await tried() == 0, !patience.isPassed { try await Task.sleep(for: .milliseconds(5)) }
            fixture.neighbours.trouble("opportunity", nil)
            try await round
            for lead in leads { #expect(try await fixture.get(lead)["status"] == "converted") }
            #expect(try await tried() == 1)
            #expect(try await fixture.conversions().filter { $0 == "running" }.count == 1)
            sink.flush()
            #expect(try String(contentsOf: log, encoding: .utf8).contains("waits for another round"))
            try file.close()
            try FileManager.default.removeItem(at: log)
        }
    }

    // MARK: - At once

    @Test func `many convert one lead at once, and it is one conversion`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            let answers = try await withThrowingTaskGroup(of: (Int, JSON).self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let answer = try await fixture.convert(lead, key: number % 2 == 0 ? "\(number)" : nil)
                        return (answer.status, answer.body)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.0 == 201 && $0.1 == answers[0].1 }, "\(answers)")
            #expect(fixture.neighbours.standing.count == 3)
            #expect(try await fixture.conversions() == ["completed"])
            #expect(try await fixture.told(lead).filter { $0 == "lead.converted" }.count == 1)
        }
    }

    @Test func `two processes that take up one conversion finish it once`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble("contact", .unavailable(1_000_000))
            #expect(try await fixture.convert(lead).status == 202)
            fixture.neighbours.trouble("contact", nil)
            let (one, two) = (try fixture.restarted(), try fixture.restarted())
            let (tenant, later) = (fixture.service.tenant.id, Timestamp.now() + .seconds(120))
            async let first: Void = one.pass(tenant, now: later)
            async let second: Void = two.pass(tenant, now: later)
            _ = try await (first, second)
            try await one.pass(tenant, now: later)
            #expect(fixture.neighbours.standing.count == 3)
            #expect(try await fixture.told(lead).filter { $0 == "lead.converted" }.count == 1)
            #expect(try await fixture.conversions() == ["completed"])
        }
    }

    @Test func `a lead on its way cannot be deleted or moved`() async throws {
        try await ConversionFixture.with { fixture in
            let lead = try await fixture.lead()
            fixture.neighbours.trouble("account", .unavailable(1_000_000))
            #expect(try await fixture.convert(lead).status == 202)
            await #expect(throws: Refusal.self) {
                try await fixture.service.leads.delete(lead, fixture.service.context)
            }
        }
    }
}
