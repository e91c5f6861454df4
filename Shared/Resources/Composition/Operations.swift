import EventLog
import Foundation
import HTTP
import JSON
import ServiceKit
import Tenancy
import Values

extension Backbone {
    /// What operators ask a running service, through the gateway: lag, outbox depth, dead letters.
    func operations(_ consumers: [EventConsumer]) -> [Endpoint] {
        [status(consumers), letters(consumers), redrive(consumers), isolation]
    }

    private var isolation: Endpoint {
        let name = context.settings.name
        let (database, provisioner, log) = (database, provisioner, log)
        return Endpoint(
            .post, "/internal/isolation/verify", id: "internalVerifyIsolation",
            summary: "Looks for what is not where its tenant is.", permission: Self.operating,
            responses: [ResponseSpec(200, "What was looked at, and what was found.")], timeout: .seconds(600)
        ) { _ in
            var report = IsolationCheck.Report()
            for place in database.everywhere {
                let check = IsolationCheck(
                    database: place, provisioner: try provisioner.on(place.server), log: log, topic: "guanxi.\(name)")
                report.add(try await check.run())
            }
            let tenants = report.extents.sorted { $0.key.text < $1.key.text }.map { tenant, extent -> JSON in
                ["tenant": tenant.json, "tables": extent.tables.json, "events": extent.events.json]
            }
            let findings = report.findings.map { finding -> JSON in
                ["tenant": finding.tenant.json, "check": finding.check.json, "detail": finding.detail.json]
            }
            return .json(["service": name.json, "tenants": .array(tenants), "findings": .array(findings)])
        }
    }

    private static let operating: Permission = "platform.operate"

    private func status(_ consumers: [EventConsumer]) -> Endpoint {
        let (relays, log, name) = (relays, log, context.settings.name)
        return Endpoint(
            .get, "/internal/status", id: "internalStatus", summary: "Outbox and consumers of this service.",
            permission: Self.operating, responses: [ResponseSpec(200, "The status.")]
        ) { _ in
            var groups: [JSON] = []
            // A log that is away would hold up the answer for each consumer anew.
            let isReachable = await log.isReachable()
            for consumer in consumers {
                let status = consumer.status
                groups.append([
                    "group": consumer.configuration.group.json,
                    "lag": (isReachable ? try? await consumer.lag() : nil).json,
                    "applied": status.applied.json, "repeats": status.repeats.json, "parked": status.parked.json,
                    "isStalled": status.isStalled.json, "eventTime": status.eventTime.json,
                ])
            }
            let outbox = RelayStatus.sum(relays.map(\.status))
            return .json([
                "service": name.json, "eventLog": log.name.json,
                "outbox": [
                    "depth": outbox.depth.json, "lagSeconds": outbox.lag.inSeconds.json,
                    "published": outbox.published.json, "slots": outbox.slots.json,
                ],
                "consumers": .array(groups),
            ])
        }
    }

    private func letters(_ consumers: [EventConsumer]) -> Endpoint {
        Endpoint(
            .get, "/internal/dead-letters", id: "internalDeadLetters", summary: "Events that could not be applied.",
            permission: Self.operating,
            parameters: [
                .query("tenant", "Only of this tenant."), .query("id", "Only this letter."),
                .query("after", "Only those after this letter."),
                .query("limit", "The most letters.", 1...500, default: 100),
            ],
            responses: [ResponseSpec(200, "The letters.")]
        ) { call in
            let tenant = try call.query.string("tenant").flatMap { TenantID($0) }
            let one = try call.query.string("id").flatMap { Int64($0) }
            let after = try call.query.int("after", 0...Int.max, default: 0)
            let limit = try call.query.int("limit", 1...500, default: 100)
            var items: [DeadLetter] = []
            for consumer in consumers {
                let letters = consumer.deadLetters
                if let one {
                    items += [try await letters.show(one)].compactMap { $0 }
                } else {
                    items += try await letters.list(tenant: tenant, after: Int64(after), limit: limit)
                }
            }
            items.sort { $0.id < $1.id }
            return .json(["items": .array(items.prefix(limit).map(\.json))])
        }
    }

    private func redrive(_ consumers: [EventConsumer]) -> Endpoint {
        let body = ObjectJSON.schema([
            "id": ["type": ["integer", "null"]], "tenant": ["type": ["string", "null"]],
            "group": ["type": ["string", "null"]],
        ])
        return Endpoint(
            .post, "/internal/dead-letters/redrive", id: "internalRedrive", summary: "Applies parked events again.",
            permission: Self.operating, body: .json(body, required: false),
            responses: [ResponseSpec(200, "How many were applied.")]
        ) { call in
            let body = try await call.json()
            let tenant = body["tenant"]?.string.flatMap { TenantID($0) }
            var (applied, remaining) = (0, 0)
            var reasons: [String] = []
            for consumer in consumers
            where body["group"]?.string ?? consumer.configuration.group
                == consumer.configuration.group
            {
                let result: RedriveResult?
                if let id = body["id"]?.int {
                    result = try await consumer.deadLetters.redrive(id)
                } else {
                    result = try await consumer.deadLetters.redriveAll(tenant: tenant)
                }
                applied += result?.applied ?? 0
                remaining += result?.remaining ?? 0
                if let reason = result?.reason { reasons.append(reason) }
            }
            return .json(["applied": applied.json, "remaining": remaining.json, "reasons": reasons.json])
        }
    }
}

extension DeadLetter {
    /// As operators see it.
    var json: JSON {
        [
            "id": .int(id), "group": consumer.json, "tenant": tenant.json, "aggregate": aggregate.json,
            "sequence": .int(sequence), "type": type.json, "state": state.json, "reason": reason.json,
            "attempts": attempts.json, "parkedAt": parkedAt.json,
            "body": stored.record.body.flatMap { try? JSON.parse($0) } ?? .null,
        ]
    }
}

/// Object schemas written in place.
enum ObjectJSON {
    static func schema(_ properties: JSONObject) -> Schema {
        Schema(inline: ["type": "object", "properties": .object(properties), "additionalProperties": false])
    }
}
