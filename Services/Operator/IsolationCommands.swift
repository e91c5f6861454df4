import HTTP
import JSON
import ServiceKit

/// `guanxi isolation …`
enum IsolationCommands {
    static let command = Command("isolation", summary: "Whether tenants are apart.", subcommands: [verify])

    private static let verify = Command(
        "verify", summary: "Look for whatever is not where its tenant is, in every service.",
        examples: [
            (
                command: "guanxi isolation verify",
                meaning: "Fences, canaries, rows, events; ends with 1 when something was found."
            )
        ]
    ) { call in
        try await call.withAPI { api in
            let answer = try await api.send(.post, "/v1/platform/isolation/verify", patience: .seconds(600))
            var names: [String: String] = [:]
            for tenant in try await api.all("/v1/tenants") {
                if let id = tenant["id"]?.string { names[id] = tenant["slug"]?.string }
            }
            let tenants = tenants(answer, names)
            let findings = findings(answer, names)
            call.answer(["tenants": .array(tenants), "findings": .array(findings)]) { text(tenants, findings) }
            let silent = (answer.object ?? [:]).filter { $0.value["error"] != nil }.map(\.name)
            guard silent.isEmpty else {
                throw CommandFailure(
                    "no answer from \(silent.joined(separator: ", ")): see its log", code: .unavailable)
            }
            guard findings.isEmpty else {
                throw CommandFailure("\(findings.count) findings: see docs/tenancy.md for what each means")
            }
        }
    }

    /// What was looked at of each tenant in all services.
    static func tenants(_ answer: JSON, _ names: [String: String]) -> [JSON] {
        var sums: [String: (services: Int64, tables: Int64, events: Int64, findings: Int64)] = [:]
        for (_, service) in answer.object ?? [:] {
            for tenant in service["tenants"]?.array ?? [] {
                var sum = sums[tenant.cell("tenant"), default: (0, 0, 0, 0)]
                sum.services += 1
                sum.tables += tenant["tables"]?.int ?? 0
                sum.events += tenant["events"]?.int ?? 0
                sums[tenant.cell("tenant")] = sum
            }
            for finding in service["findings"]?.array ?? [] {
                if let tenant = finding["tenant"]?.string { sums[tenant, default: (0, 0, 0, 0)].findings += 1 }
            }
        }
        return sums.sorted { (names[$0.key] ?? $0.key) < (names[$1.key] ?? $1.key) }.map { id, sum in
            [
                "tenant": (names[id] ?? id).json, "id": id.json, "services": .int(sum.services),
                "tables": .int(sum.tables), "events": .int(sum.events), "findings": .int(sum.findings),
            ]
        }
    }

    static func findings(_ answer: JSON, _ names: [String: String]) -> [JSON] {
        (answer.object ?? [:]).flatMap { service, answer in
            (answer["findings"]?.array ?? []).map { finding -> JSON in
                let tenant = finding["tenant"]?.string
                return [
                    "service": service.json, "tenant": (tenant.flatMap { names[$0] } ?? tenant).json,
                    "check": finding["check"] ?? .null, "detail": finding["detail"] ?? .null,
                ]
            }
        }
    }

    static func text(_ tenants: [JSON], _ findings: [JSON]) -> String {
        Table.of(
            tenants,
            [
                ("TENANT", "tenant"), ("SERVICES", "services"), ("TABLES", "tables"), ("EVENTS", "events"),
                ("FINDINGS", "findings"),
            ], none: "There are no tenants.")
            + "\n"
            + Table.of(
                findings, [("SERVICE", "service"), ("TENANT", "tenant"), ("CHECK", "check"), ("WHAT", "detail")],
                none: "Nothing is where it must not be.")
    }
}
