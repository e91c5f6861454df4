import Foundation
import HTTP
import Postgres
import Tenancy
import Values

/// The statement that answers a report: facts become happenings (what, on which day, worth how much, whose), which are
/// counted by dimension.
struct ReportStatement: Sendable {
    let query: ReportQuery
    let tenant: Tenant
    let principal: Principal
    /// Relations of accounts with their lifecycle states and quadrants, when the report groups by them.
    var standings: [Dimension: SQL] = [:]

    private var schema: SchemaName { tenant.schema }
    var grouping: Grouping { Grouping(query.dimensions) }
    var facts: Facts { Facts(tenant, asOf: query.asOf) }

    /// Columns: kind, whether it is the total, count, sum, different accounts, name and id of each dimension.
    var sql: SQL {
        let buyers = query.subject == .customers ? "count(distinct account_id)" : "0::bigint"
        return """
            \(keyed)
            select kind, \(grouping.isTotal) as is_total, count(*) as number, coalesce(sum(amount), 0)::text as sum,
                \(raw: buyers) as buyers\(grouping.more())
            from keyed group by \(grouping.sets(within: ["kind"]))
            """
    }

    /// The records of one figure of one group. Columns: id, day, amount, owner, team.
    func records(_ figure: String, _ group: ReportGroup, after id: UUID?, limit: Int) -> SQL {
        """
        \(keyed) select id, day, amount::text, owner_id, team_id from keyed where \(those(figure, group))
        \(id.map { "and id > \($0)" as SQL } ?? "") order by id limit \(limit)
        """
    }

    func count(_ figure: String, _ group: ReportGroup) -> SQL {
        "\(keyed) select count(*) from keyed where \(those(figure, group))"
    }

    private func those(_ figure: String, _ group: ReportGroup) -> SQL {
        (["kind = \(figure)"] + Grouping.isOf(group)).joined(separator: " and ")
    }

    /// Each happening that the caller sees and that lies in the period, with its dimensions.
    var keyed: SQL {
        """
        \(facts.withMore) happening as (\(happenings)), keyed as (
            select f.id, f.kind, f.day, f.amount, f.owner_id, f.team_id, f.account_id\(grouping.definitions)
            from happening f
            left join \(schema).users o on o.id = f.owner_id
            left join \(schema).teams t on t.id = coalesce(f.team_id, o.team_id)
            left join \(schema).users m on m.id = coalesce(t.manager_id, o.manager_id)
            left join \(schema).products p on p.id = f.product_id
            left join \(schema).account_facts a on a.id = f.account_id
            left join \(schema).business_lines b on b.id = f.business_line_id
            left join \(schema).lead_facts l on l.id = f.lead_id
            \(standingJoins)
            where \(conditions.joined(separator: " and "))
        )
        """
    }

    private var zone: SQL { "\(tenant.timeZone)" }

    // MARK: - What happened

    private var happenings: SQL {
        switch query.subject {
        case .leads:
            """
            select x.id, k.kind, (x.created_at at time zone \(zone))::date as day, null::numeric as amount, x.owner_id, x.team_id,
                x.account_id, null::uuid as product_id, x.product as product_name, x.business_line_id,
                null::text as stage, x.source, x.grade, null::uuid as lead_id, null::date as first_order,
                null::text as lost_reason, null::text as competitor
            from \(facts["lead_facts"]) x cross join lateral (values ('created', true),
                ('converted', x.status = 'converted' and \(until("(x.converted_at at time zone \(zone))::date"))))
                as k(kind, happened)
            where not x.deleted and k.happened
            """
        case .opportunities:
            """
            select x.id, k.kind, k.day, \(inCurrency("x")) as amount, x.owner_id, x.team_id, x.account_id, x.product_id,
                x.product_name, x.business_line_id, x.stage, x.source, null::text as grade, x.lead_id,
                null::date as first_order, x.lost_reason, x.competitor
            from \(facts["opportunity_facts"]) x cross join lateral (values
                ('created', (x.opened_at at time zone \(zone))::date), (nullif(x.status, 'open'), x.close_date),
                (case when \(isOpen) then 'open' end, null)) as k(kind, day)
            where not x.deleted and \(isWorth) and (k.kind in ('created', 'open') or (k.kind in ('won', 'lost') and k.day is not null))
            """
        case .customers: customers
        }
    }

    /// A customer there since his first order is one even where his record is younger.
    private var customers: SQL {
        """
        select x.id, 'customers' as kind, least((x.created_at at time zone \(zone))::date, r.first_order) as day,
            null::numeric as amount, x.owner_id, x.team_id, x.id as account_id, null::uuid as product_id,
            null::text as product_name, x.business_line_id, null::text as stage, x.source, null::text as grade,
            x.lead_id, r.first_order, null::text as lost_reason, null::text as competitor
        from \(facts["account_facts"]) x left join (\(firstOrders)) r on r.account_id = x.id
        where not x.deleted
        union all
        select x.id, 'orders', x.ordered_on, \(inCurrency("x")), coalesce(x.owner_id, c.owner_id),
            coalesce(x.team_id, c.team_id), x.account_id, x.product_id, null,
            coalesce(x.business_line_id, c.business_line_id), null, c.source, null, c.lead_id, r.first_order,
            null, null
        from \(facts["order_facts"]) x left join \(facts["account_facts"]) c on c.id = x.account_id
        left join (\(firstOrders)) r on r.account_id = x.account_id
        where not x.deleted and x.status = 'placed'
        """
    }

    private var firstOrders: SQL {
        """
        select account_id, min(ordered_on) as first_order from \(facts["order_facts"]) as o
        where not deleted and status = 'placed' group by account_id
        """
    }

    /// Whether an opportunity is open on the day that is looked at.
    private var isOpen: SQL {
        guard let asOf = query.asOf else { return "x.status = 'open'" }
        return """
            (x.opened_at at time zone \(zone))::date <= \(asOf)
            and (x.status = 'open' or x.close_date > \(asOf))
            """
    }

    private var isWorth: SQL {
        guard let bound = query.amountFrom else { return "true" }
        return "(x.currency = \(tenant.currency) and x.amount >= \(bound.amount)::text::numeric)"
    }

    private func until(_ day: SQL) -> SQL {
        guard let asOf = query.asOf else { return "true" }
        return "\(day) <= \(asOf)"
    }

    /// Whether a time lies in a day that is looked at.
    func seen(_ time: String) -> SQL { until("(\(raw: time) at time zone \(zone))::date") }

    private func inCurrency(_ alias: String) -> SQL {
        "case when \(raw: alias).currency = \(tenant.currency) then \(raw: alias).amount end"
    }

    // MARK: - Whose

    private var standingJoins: SQL {
        standings.sorted { $0.key.rawValue < $1.key.rawValue }.map { dimension, relation -> SQL in
            let name: SQL = "\(ident: dimension.rawValue)"
            return "left join (\(relation)) as \(name) on \(name).account_id = f.account_id"
        }.joined(separator: " ")
    }

    private var conditions: [SQL] {
        var conditions: [SQL] = ["true"]
        if let from = query.from { conditions.append("(f.day is null or f.day >= \(from))") }
        if let to = query.to { conditions.append("(f.day is null or f.day <= \(to))") }
        if let asOf = query.asOf { conditions.append("(f.day is null or f.day <= \(asOf))") }
        switch principal.visibility {
        case .all: break
        case .own: conditions.append("f.owner_id = \(principal.subjectID)")
        case .team, .subtree:
            conditions.append("(f.owner_id = \(principal.subjectID) or f.team_id = any(\(principal.teamIDs)))")
        }
        return conditions
    }
}
