/// A table made from the events of one kind of aggregate: a row for each aggregate from its last snapshot alone, or a row
/// for each event that changed certain members.
///
/// The columns are SQL over `s`, the snapshot, and `h`, the event as the history keeps it. The same text applies events as
/// they come and rebuilds from the history, so that the two cannot differ.
struct Projection: Sendable {
    /// The member of the event's data that holds the snapshot.
    let aggregate: String
    let table: String
    /// Members of the snapshot whose change makes a row; nil is a row for each aggregate.
    var entries: [String]?
    let columns: [(name: String, expression: String)]

    private static let deleted = ("deleted", "coalesce(s->>'deletedAt', '') <> ''")
    private static let amount = [
        ("amount", "(s->'amount'->>'amount')::numeric"), ("currency", "s->'amount'->>'currency'"),
    ]
    private static let belonging = [
        uuid("owner_id", "ownerId"), uuid("team_id", "teamId"), uuid("business_line_id", "businessLineId"),
    ]

    private static func text(_ name: String, _ member: String) -> (String, String) { (name, "s->>'\(member)'") }
    private static func uuid(_ name: String, _ member: String) -> (String, String) { (name, "(s->>'\(member)')::uuid") }
    private static func time(_ name: String, _ member: String) -> (String, String) {
        (name, "(s->>'\(member)')::timestamptz")
    }
    private static func date(_ name: String, _ member: String) -> (String, String) { (name, "(s->>'\(member)')::date") }

    static let all: [Projection] = [
        Projection(
            aggregate: "user", table: "users",
            columns: [
                text("name", "name"), text("login", "login"), uuid("team_id", "teamId"),
                uuid("manager_id", "managerId"),
                text("role", "role"),
            ]),
        Projection(
            aggregate: "team", table: "teams",
            columns: [
                text("name", "name"), uuid("parent_id", "parentId"), uuid("manager_id", "managerId"),
                text("region", "region"),
            ]),
        Projection(aggregate: "product", table: "products", columns: [text("name", "name"), text("series", "series")]),
        Projection(aggregate: "businessLine", table: "business_lines", columns: [text("name", "name")]),
        Projection(
            aggregate: "target", table: "target_facts",
            columns: [text("period", "period")] + amount + belonging + [deleted]),
        Projection(
            aggregate: "lead", table: "lead_facts",
            columns: [
                time("created_at", "createdAt"), time("converted_at", "convertedAt"), text("status", "status"),
                text("source", "source"), text("grade", "grade"), text("product", "product"),
                uuid("account_id", "accountId"), uuid("opportunity_id", "opportunityId"),
            ] + belonging + [deleted]),
        Projection(
            aggregate: "opportunity", table: "opportunity_facts",
            columns: [
                ("opened_at", "coalesce(s->>'openedAt', s->>'createdAt')::timestamptz"),
                date("close_date", "closeDate"), text("status", "status"), text("stage", "stage"),
                text("stage_name", "stageName"), ("win_rate", "(s->>'winRate')::int"),
                date("expected_close_date", "expectedCloseDate"), text("source", "source"), uuid("lead_id", "leadId"),
                uuid("account_id", "accountId"), ("product_id", "(s->'productLines'->0->>'productId')::uuid"),
                ("product_name", "s->'productLines'->0->>'name'"), uuid("pipeline_id", "pipelineId"),
                ("pipeline_version", "(s->>'pipelineVersion')::int"), time("closed_at", "closedAt"),
                text("lost_reason", "lostReason"), text("competitor", "competitor"),
            ] + amount + belonging + [deleted]),
        Projection(
            aggregate: "account", table: "account_facts",
            columns: [
                text("name", "name"), time("created_at", "createdAt"), text("source", "source"),
                uuid("lead_id", "leadId"),
            ] + belonging + [deleted]),
        Projection(
            aggregate: "order", table: "order_facts",
            columns: [
                uuid("account_id", "accountId"), date("ordered_on", "orderedOn"), text("status", "status"),
                uuid("product_id", "productId"),
            ] + amount + belonging + [deleted]),
        Projection(
            aggregate: "lifecyclePolicy", table: "lifecycle_policies",
            columns: [
                ("stable_from_order", "(s->>'stableFromOrder')::int"),
                ("at_risk_after_days", "(s->>'atRiskAfterDays')::int"),
                ("lost_after_days", "(s->>'lostAfterDays')::int"),
                ("high_value_from", "(s->'highValueFrom'->>'amount')::numeric"),
            ]),
        Projection(
            aggregate: "pipeline", table: "pipeline_facts",
            columns: [
                text("name", "name"), uuid("business_line_id", "businessLineId"),
                ("pipeline_version", "(s->>'pipelineVersion')::int"), ("stages", "s->'stages'"),
                ("is_active", "(s->>'isActive')::boolean"), time("created_at", "createdAt"), deleted,
            ]),
        Projection(
            aggregate: "opportunity", table: "stage_facts", entries: ["stage", "pipelineId", "status"],
            columns: [
                uuid("pipeline_id", "pipelineId"), text("stage", "stage"),
                ("entered_at", "coalesce(s->>'stageEnteredAt', s->>'createdAt')::timestamptz"),
                time("closed_at", "closedAt"),
            ]),
        Projection(
            aggregate: "lead", table: "status_facts", entries: ["status"],
            columns: [text("status", "status"), ("entered_at", "h.time")]),
    ]
}
