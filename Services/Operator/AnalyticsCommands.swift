import HTTP
import JSON
import ServiceKit

/// `guanxi analytics …`
enum AnalyticsCommands {
    static let command = Command("analytics", summary: "Reports and their upkeep.", subcommands: [report, rebuild])

    private static let report = Command(
        "report", summary: "Show a report of a tenant.",
        arguments: [.init("report", help: "leads, opportunities, customers or funnel.")],
        options: [
            AccessCommands.tenant,
            .init(
                "group-by", short: "g", value: "dimensions",
                help: "One or two of product, owner, manager, region, account, stage, source, month, …, with a comma."),
            .init("from", value: "date", help: "First day, in the tenant's time zone."),
            .init("to", value: "date", help: "Last day, inclusive."),
            .init("as-of", value: "date", help: "The day at whose end things are looked at; now when missing."),
            .init("stable-from-order", value: "number", help: "Of customers: the order that makes one stable."),
            .init("at-risk-after-days", value: "days", help: "Of customers: days of silence until one is at risk."),
            .init("lost-after-days", value: "days", help: "Of customers: days of silence until one is lost."),
            .init(
                "period", value: "period", help: "Of the funnel: 2026, 2026-Q4 or 2026-11; this quarter when missing."),
        ],
        examples: [
            (
                command: "guanxi analytics report opportunities -t nanhua -g product --from 2016-10-01 --to 2017-12-31",
                meaning: "Won, lost, open, value and win rate of each product."
            ),
            (
                command: "guanxi analytics report customers -t music -g lifecycle --as-of 1998-06-30",
                meaning: "How many customers were potential, stable, at risk or lost at the end of that day."
            ),
            (
                command: "guanxi analytics report funnel --tenant nanhua",
                meaning: "The weighted funnel of this quarter."
            ),
        ]
    ) { call in
        let name = call.arguments[0]
        guard ["leads", "opportunities", "customers", "funnel"].contains(name) else {
            throw CommandFailure.usage("\"\(name)\" is no report: expected leads, opportunities, customers or funnel")
        }
        try await call.withTenant { api in
            let query = [
                ("groupBy", call["group-by"]), ("from", call["from"]), ("to", call["to"]), ("asOf", call["as-of"]),
                ("period", call["period"]), ("stableFromOrder", call["stable-from-order"]),
                ("atRiskAfterDays", call["at-risk-after-days"]), ("lostAfterDays", call["lost-after-days"]),
            ].map { (name: $0.0, value: $0.1) }
            let answer = try await api.send(.get, "/v1/analytics/\(name)", query: query)
            let dimensions = call["group-by"]?.split(separator: ",").map { title(String($0)) } ?? []
            call.answer(answer) { name == "funnel" ? funnelText(answer) : reportText(answer, dimensions) }
        }
    }

    private static let ratios: Set<String> = ["winRate", "conversionRate", "coverage"]

    /// A line for each group, and the total under them.
    ///
    /// - Parameter dimensions: titles of what the report is grouped by.
    static func reportText(_ answer: JSON, _ dimensions: [String] = []) -> String {
        var total = answer["total"]?.object ?? [:]
        total["key"] = "total"
        let groups = answer["groups"]?.array ?? []
        let hidden: Set<String> = ["id", "id2", "drill", "key", "key2", "lostValue", "lossRate", "buyers"]
        let names = (groups.first?.object ?? total).names.filter { !hidden.contains($0) }
        var columns = [(title: dimensions.first ?? "KEY", member: "key")]
        if dimensions.count > 1 { columns.append((dimensions[1], "key2")) }
        columns += names.map { (title: title($0), member: $0) }
        return Table.of(groups + [.object(total)], columns, percentages: ratios, none: "")
            + "as of \(answer.cell("asOf"))\n"
    }

    static func funnelText(_ answer: JSON) -> String {
        var text = "period \(answer.cell("period"))\n"
        let columns = [
            ("STAGE", "name"), ("WIN RATE", "rate"), ("OPEN", "open"), ("AMOUNT", "amount"),
            ("WEIGHTED AMOUNT", "weightedAmount"),
        ].map { (title: $0.0, member: $0.1) }
        // A stage's win rate is configured, in whole per cent.
        let stages = (answer["stages"]?.array ?? []).map { stage in
            var stage = stage.object ?? [:]
            if let rate = stage["winRate"]?.int { stage["rate"] = .string("\(rate) %") }
            return JSON.object(stage)
        }
        text += Table.of(stages, columns, none: "Nothing is open in the period.")
        for name in ["won", "weightedAmount", "target", "coverage", "shortfall"] {
            let value = answer[name] ?? .null
            text += "\(title(name).padded(to: 16)) \(ratios.contains(name) ? value.percentage : value.cell)\n"
        }
        return text + "as of \(answer.cell("asOf"))\n"
    }

    /// `wonValue` → `WON VALUE`
    private static func title(_ name: String) -> String {
        name.map { $0.isUppercase ? " \($0)" : String($0) }.joined().uppercased()
    }

    private static let rebuild = Command(
        "rebuild", summary: "Build every figure anew from the event history and compare.",
        options: [.init("yes", short: "y", help: "Do not ask.")],
        examples: [(command: "guanxi analytics rebuild --yes", meaning: "Ends with 1 when a figure has changed.")]
    ) { call in
        try call.confirm("Build all figures of all tenants anew? Reports wait meanwhile.")
        try await call.withAPI { api in
            let answer = try await api.send(.post, "/v1/platform/analytics/rebuild", patience: .seconds(600))
            let outcome = answer["analytics"] ?? .null
            if let error = outcome["error"]?.string { throw CommandFailure("analytics did not rebuild: \(error)") }
            let isEqual = outcome["equal"]?.bool ?? false
            call.answer(answer) { isEqual ? "rebuilt: every figure is the same as before\n" : "rebuilt\n" }
            guard isEqual else {
                throw CommandFailure("figures differ from those before: --json shows the hashes of both")
            }
        }
    }
}
