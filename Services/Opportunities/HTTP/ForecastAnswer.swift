import Contracts
import Foundation
import HTTP
import JSON
import Tenancy
import Values

/// Forecasts as the API answers them.
struct ForecastAnswer: Sendable {
    /// What a list behind a forecast may be of.
    enum Figure: String, CaseIterable { case open, signed, commit, bestCase, pipeline }

    private let question: ForecastQuestion
    private let currency: Currency
    private let language: Language

    init(_ query: ForecastStore.Query, language: Language) throws(ValueError) {
        question = query.question
        currency = try Currency(code: query.tenant.currency)
        self.language = language
    }

    func head(now: Timestamp) -> [JSONObject.Member] {
        [
            ("asOf", now.json), ("period", .string(question.period.description)),
            ("from", question.period.days.lowerBound.json), ("to", question.period.days.upperBound.json),
        ]
    }

    func members(of forecast: Forecast) -> [JSONObject.Member] {
        var members: [JSONObject.Member] = [("stages", .array(forecast.lines.map(stage)))]
        members += figures(of: forecast, [])
        return members
    }

    private func stage(_ line: Forecast.Line) -> JSON {
        var drill = ["inStage=\(line.stage.key)", "atRate=\(line.stage.winRate)"]
        if let pipeline = line.stage.pipeline { drill.append("\(Self.drillName("pipelineId"))=\(pipeline.lowercased)") }
        return [
            "pipelineId": line.stage.pipeline.json, "key": .string(line.stage.key),
            "name": .string(line.stage.name(language: language.rawValue)), "winRate": .int(Int64(line.stage.winRate)),
            "count": .int(Int64(line.count)), "amount": money(line.amount), "weightedAmount": money(line.weighted),
            "drill": link(drill),
        ]
    }

    private func figures(of forecast: Forecast, _ drill: [String]) -> [JSONObject.Member] {
        let categories = ForecastCategory.allCases.map { category -> JSONObject.Member in
            let lines = forecast.lines(of: category, question.categories)
            let figures: JSON = [
                "count": .int(lines.sum { Int64($0.count) }), "amount": money(lines.sum(\.amount)),
                "weightedAmount": money(lines.sum(\.weighted)), "drill": link(drill + ["of=\(category.rawValue)"]),
            ]
            return (category.rawValue, figures)
        }
        return [
            ("signed", money(forecast.signed)), ("openAmount", money(forecast.openAmount)),
            ("openWeightedAmount", money(forecast.openWeighted)), ("weightedAmount", money(forecast.weighted)),
            ("target", forecast.target.map(money) ?? .null), ("coverage", forecast.coverage.json),
            ("shortfall", forecast.shortfall.map(money) ?? .null),
            ("categories", .object(JSONObject(distinct: categories))),
            ("drill", ["signed": link(drill + ["of=signed"]), "open": link(drill + ["of=open"])]),
        ]
    }

    /// The members of a grouping by name, those without one last.
    func groups(_ groups: [UUID?: Forecast], _ names: [UUID: String]) -> JSON {
        let sorted = groups.sorted { left, right in
            let (a, b) = (left.key.map { names[$0] ?? $0.lowercased }, right.key.map { names[$0] ?? $0.lowercased })
            return (a == nil ? 1 : 0, a ?? "", left.key?.lowercased ?? "") < (
                b == nil ? 1 : 0, b ?? "", right.key?.lowercased ?? ""
            )
        }
        return .array(
            sorted.map { id, forecast in
                let drill = ["groupBy=\(question.grouping?.rawValue ?? "")", "group=\(id?.lowercased ?? "")"]
                return .object(
                    JSONObject(
                        distinct: [("key", id.flatMap { names[$0] }.json), ("id", id.json)]
                            + figures(of: forecast, drill)))
            })
    }

    func difference(_ changed: Forecast, _ base: Forecast) -> JSON {
        [
            "weightedAmount": money(changed.weighted - base.weighted),
            "openAmount": money(changed.openAmount - base.openAmount),
            "shortfall": changed.shortfall.flatMap { new in base.shortfall.map { money(new - $0) } } ?? .null,
        ]
    }

    private func money(_ amount: Int64) -> JSON { Money(minorUnits: amount, currency: currency).json }

    // MARK: - Links

    /// The question's own parameters in links: lists have filters of the same names.
    static func drillName(_ name: String) -> String {
        "forecast" + name.prefix(1).uppercased() + name.dropFirst().replacing("Id", with: "")
    }

    private func link(_ parts: [String]) -> JSON {
        var all = ["period=\(question.period)"]
        let scope = [
            ("ownerId", question.owner), ("teamId", question.team), ("businessLineId", question.businessLine),
            ("pipelineId", question.pipeline),
        ]
        for (name, id) in scope {
            guard let id, !parts.contains(where: { $0.hasPrefix(Self.drillName(name)) }) else { continue }
            all.append("\(Self.drillName(name))=\(id.lowercased)")
        }
        if parts.contains(where: { $0.hasPrefix("of=") }) {
            all += [
                "commitFrom=\(question.categories.commitFrom)", "bestCaseFrom=\(question.categories.bestCaseFrom)",
            ]
        }
        return .string("/v1/forecast/opportunities?" + (all + parts).joined(separator: "&"))
    }
}
