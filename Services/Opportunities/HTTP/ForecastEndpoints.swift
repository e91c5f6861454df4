import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The forecast of a period: the weighted funnel against the target, what would be if, and the deals behind a number.
struct ForecastEndpoints: Sendable {
    let opportunities: Opportunities

    private var store: ForecastStore { ForecastStore(pipelines: opportunities.pipelines) }
    private var database: TenantDatabase { opportunities.environment.database }

    var endpoints: [Endpoint] { [forecast, whatIf, behind] }

    // MARK: - Questions

    private static let scope: [Parameter] = [
        .query("period", "2026, 2026-Q4 or 2026-11; this quarter when missing."),
        .query("teamId", "Only this team's and those below it.", schema: .uuidSchema),
        .query("businessLineId", "Only this business line's.", schema: .uuidSchema),
        .query("ownerId", "Only this person's.", schema: .uuidSchema),
        .query("pipelineId", "Only this pipeline's.", schema: .uuidSchema),
    ]
    private static let bounds: [Parameter] = [
        .query("commitFrom", "The win rate from which an open deal is commit.", 2...99, default: 70),
        .query("bestCaseFrom", "The win rate from which an open deal is best case.", 1...98, default: 50),
    ]

    private func question(_ call: Call, _ tenant: Tenant, now: Timestamp) throws -> ForecastQuestion {
        ForecastQuestion(
            period: try PeriodKey(parameter: try call.query.string("period"), of: tenant, now: now),
            owner: try call.query.uuid("ownerId"), team: try call.query.uuid("teamId"),
            businessLine: try call.query.uuid("businessLineId"), pipeline: try call.query.uuid("pipelineId"),
            grouping: nil,
            categories: try ForecastCategories(
                commitFrom: try call.query.int("commitFrom", 2...99, default: 70),
                bestCaseFrom: try call.query.int("bestCaseFrom", 1...98, default: 50)))
    }

    // MARK: - The forecast

    private static let schema = Schema(
        "Forecast",
        [
            "type": "object",
            "required": [
                "asOf", "period", "stages", "signed", "openAmount", "openWeightedAmount", "weightedAmount", "target",
                "coverage", "shortfall", "categories",
            ],
        ])

    private var forecast: Endpoint {
        Endpoint(
            .get, "/v1/forecast", id: "getForecast", summary: "The weighted funnel of a period against its target",
            description: """
                Won in the period, and open deals that may close in it: expected by its end (overdue ones count today, \
                those without a date at any time), each at its stage's win rate. The target is the one set for what is \
                asked, else the sum over its teams, lines or people, else over the period's quarters or months.
                """,
            tags: ["forecast"], permission: "opportunities.read",
            parameters: Self.scope + [
                .query(
                    "groupBy", "Also for each.",
                    schema: [
                        "type": "string",
                        "enum": .array(ForecastQuestion.Grouping.allCases.map { .string($0.rawValue) }),
                    ])
            ] + Self.bounds,
            responses: [ResponseSpec(200, "The forecast.", schema: Self.schema)],
            errors: [.invalidParameter, .ruleViolated]
        ) { call in
            let (tenant, now) = (try await database.directory.active(try call.tenant), Timestamp.now())
            var question = try question(call, tenant, now: now)
            question.grouping = try call.query.choice("groupBy")
            let query = try await store.query(question, try call.caller, tenant, now: now)
            let (whole, groups) = try await store.forecasts(query)
            let answer = try ForecastAnswer(query, language: call.language)
            var json = answer.head(now: now)
            json += answer.members(of: whole)
            if let grouping = question.grouping {
                let names = try await store.directory.names(grouping, tenant.id)
                json.append(("groups", answer.groups(groups, names)))
            }
            return .json(.object(JSONObject(distinct: json)))
        }
    }

    // MARK: - What if

    private static let whatIfBody = ObjectSchema(
        "ForecastWhatIf",
        [
            FieldDefinition("period", .string(max: 10), zh: "期间", en: "Period", help: "This quarter when missing."),
            FieldDefinition("teamId", .reference(to: "team"), zh: "团队", en: "Team"),
            FieldDefinition("businessLineId", .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            FieldDefinition("ownerId", .reference(to: "user"), zh: "负责人", en: "Owner"),
            FieldDefinition("pipelineId", .reference(to: "pipeline"), zh: "销售流程", en: "Pipeline"),
            FieldDefinition(
                "winRates", .list(.object(WhatIfRate.self), max: 100), zh: "赢单率", en: "Win rates",
                help: "Open stages with another percentage."),
            FieldDefinition(
                "amounts", .list(.object(WhatIfAmount.self), max: 500), zh: "金额", en: "Amounts",
                help: "Opportunities with another amount."),
            FieldDefinition("target", .money, zh: "目标", en: "Target"),
        ])

    private var whatIf: Endpoint {
        Endpoint(
            .post, "/v1/forecast/what-if", id: "forecastWhatIf",
            summary: "The forecast if rates, amounts or the target were others",
            description: "Nothing is changed. Answers the forecast as it is, as it would be, and the difference.",
            tags: ["forecast"], permission: "opportunities.read", parameters: Self.bounds + [.idempotencyKey],
            body: .json(Schema(Self.whatIfBody.name, Self.whatIfBody.jsonSchema(.create))),
            responses: [
                ResponseSpec(
                    200, "Both forecasts.",
                    schema: Schema(
                        "ForecastComparison", ["type": "object", "required": ["base", "whatIf", "difference"]]))
            ], errors: [.invalidParameter, .validationFailed, .ruleViolated]
        ) { call in
            let given = try Self.whatIfBody.validate(create: try await call.json())
            let (tenant, now) = (try await database.directory.active(try call.tenant), Timestamp.now())
            var question = try question(call, tenant, now: now)
            question.period = try PeriodKey(
                parameter: given.value("period") ?? question.period.description, of: tenant, now: now)
            (question.owner, question.team) = (given.value("ownerId"), given.value("teamId"))
            (question.businessLine, question.pipeline) = (given.value("businessLineId"), given.value("pipelineId"))
            let query = try await store.query(question, try call.caller, tenant, now: now)
            let base = try await store.forecasts(query).whole
            let changed = try await changes(given, base, query).applied(to: base)
            let answer = try ForecastAnswer(query, language: call.language)
            return .json(
                .object(
                    JSONObject(
                        distinct: answer.head(now: now) + [
                            ("base", .object(JSONObject(distinct: answer.members(of: base)))),
                            ("whatIf", .object(JSONObject(distinct: answer.members(of: changed)))),
                            ("difference", answer.difference(changed, base)),
                        ])))
        }
    }

    private func changes(_ given: FieldChanges, _ base: Forecast, _ query: ForecastStore.Query) async throws -> WhatIf {
        var whatIf = WhatIf()
        let target: Money? = given.value("target")
        try query.tenant.checkCurrency(of: target)
        whatIf.target = target?.minorUnits
        for (index, item) in Self.items(given["winRates"]).enumerated() {
            let rate = try WhatIfRate(json: item)
            let stages = base.lines.map(\.stage).filter { !$0.isSigned }.map(\.key)
            guard stages.contains(rate.stage) else {
                throw Problem.unknownReference("/winRates/\(index)/stage", rate.stage)
            }
            whatIf.winRates[rate.stage] = Int(rate.winRate)
        }
        let amounts = try Self.items(given["amounts"]).map { try WhatIfAmount(json: $0) }
        let deals = try await store.deals(
            amounts.map { $0.opportunityId.lowercased() } + amounts.map(\.opportunityId), query)
        var named: Set<UUID> = []
        for (index, amount) in amounts.enumerated() {
            guard let deal = deals[amount.opportunityId] ?? deals[amount.opportunityId.lowercased()],
                let new = amount.amount
            else { throw Problem.unknownReference("/amounts/\(index)/opportunityId", amount.opportunityId) }
            try query.tenant.checkCurrency(of: new)
            guard named.insert(deal.id).inserted else { throw Self.twice("/amounts/\(index)/opportunityId") }
            whatIf.amounts.append(.init(stage: deal.stage, old: deal.amount, new: new.minorUnits))
        }
        return whatIf
    }

    private static func twice(_ path: String) -> Problem {
        .validation([
            FieldError(path, code: "duplicate", .init(en: "Name each opportunity once.", zh: "同一商机只能填写一次。"))
        ])
    }

    private static func items(_ value: FieldValue?) -> [JSON] { value?.json.array ?? [] }

    // MARK: - Behind a number

    /// The list behind each figure of a forecast: what its `drill` names.
    private var behind: Endpoint {
        let others: [Parameter] = [
            .query("of", "Which figure: open, signed, commit, bestCase or pipeline; all when missing."),
            .query("inStage", "Only in the stage with this key."),
            .query("atRate", "Only at this win rate.", schema: ["type": "integer"]),
            .query("group", "Only this member of groupBy; empty for those that have none."),
            .query("groupBy", "team, businessLine or owner."),
        ]
        return opportunities.resource.narrowedList(
            "/v1/forecast/opportunities", id: "listForecastOpportunities",
            summary: "The opportunities behind a number of the forecast", tags: ["forecast"],
            // Of its own parameters none has the name of a field, which would be a filter.
            others: Self.scope.map { Self.renamed($0) } + Self.bounds + others
        ) { call in
            let (tenant, now) = (try await database.directory.active(try call.tenant), Timestamp.now())
            let question = ForecastQuestion(
                period: try PeriodKey(parameter: try call.query.string("period"), of: tenant, now: now),
                owner: try call.query.uuid("forecastOwner"), team: try call.query.uuid("forecastTeam"),
                businessLine: try call.query.uuid("forecastBusinessLine"),
                pipeline: try call.query.uuid("forecastPipeline"), grouping: try call.query.choice("groupBy"),
                categories: try ForecastCategories(
                    commitFrom: try call.query.int("commitFrom", 2...99, default: 70),
                    bestCaseFrom: try call.query.int("bestCaseFrom", 1...98, default: 50)))
            let query = try await store.query(question, try call.caller, tenant, now: now)
            return ([query.condition] + (try Self.conditions(call, question))).joined(separator: " and ")
        }
    }

    private static func renamed(_ parameter: Parameter) -> Parameter {
        parameter.name == "period"
            ? parameter
            : .query(ForecastAnswer.drillName(parameter.name), parameter.description, schema: parameter.schema)
    }

    private static func conditions(_ call: Call, _ question: ForecastQuestion) throws -> [SQL] {
        var conditions: [SQL] = []
        let categories = question.categories
        switch try call.query.choice("of", of: ForecastAnswer.Figure.self) {
        case nil: break
        case .signed: conditions.append("status = 'won'")
        case .open: conditions.append("status = 'open'")
        case .commit: conditions.append("status = 'open' and coalesce(win_rate, 0) >= \(Int64(categories.commitFrom))")
        case .bestCase:
            conditions.append(
                """
                status = 'open' and coalesce(win_rate, 0) >= \(Int64(categories.bestCaseFrom))
                and coalesce(win_rate, 0) < \(Int64(categories.commitFrom))
                """)
        case .pipeline:
            conditions.append("status = 'open' and coalesce(win_rate, 0) < \(Int64(categories.bestCaseFrom))")
        }
        if let stage = try call.query.string("inStage") { conditions.append("stage = \(stage)") }
        if try call.query.string("atRate") != nil {
            conditions.append("coalesce(win_rate, 0) = \(Int64(try call.query.int("atRate", 0...100, default: 0)))")
        }
        if let grouping = question.grouping, let member = try call.query.string("group") {
            let id = member.isEmpty ? nil : try call.query.uuid("group")
            conditions.append("\(ident: grouping.column) is not distinct from \(id)")
        }
        return conditions
    }
}

/// A stage with another win rate.
struct WhatIfRate: CatalogueRecord {
    var stage = ""
    var winRate: Int64 = 0

    static let catalogue = Entity<WhatIfRate>(
        "whatIfRate", zh: "赢单率", en: "Win rate",
        [
            Field("stage", \.stage, .string(max: 40), zh: "阶段", en: "Stage", .required),
            Field("winRate", \.winRate, .integer(0...99), zh: "赢单率", en: "Win rate", .required, help: "Percent."),
        ])
}

/// An opportunity with another amount.
struct WhatIfAmount: CatalogueRecord {
    var opportunityId = ""
    var amount: Money?

    static let catalogue = Entity<WhatIfAmount>(
        "whatIfAmount", zh: "金额", en: "Amount",
        [
            Field(
                "opportunityId", \.opportunityId, .string(max: 40), zh: "商机", en: "Opportunity", .required,
                help: "The id or the readable code."),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount", .required),
        ])
}
