import Postgres

/// The dimensions of a report as columns of a statement: `name0` and `id0` of the first, `name1` and `id1` of the second.
struct Grouping: Sendable {
    let dimensions: [Dimension]

    init(_ dimensions: [Dimension]) { self.dimensions = dimensions }

    /// Makes the columns of happenings, `f`, and what is joined to them; begins with a comma where there are any.
    var definitions: SQL {
        let columns = dimensions.enumerated().map { index, dimension in
            ", \(dimension.columns.name) as name\(index), \(dimension.columns.id) as id\(index)"
        }
        return SQL(raw: columns.joined())
    }

    /// - Parameter relation: what has them; nil where only one does.
    private func columns(of relation: String? = nil) -> [String] {
        let prefix = relation.map { "\($0)." } ?? ""
        return dimensions.indices.flatMap { ["\(prefix)name\($0)", "\(prefix)id\($0)"] }
    }

    /// The columns behind others, each after a comma.
    func more(of relation: String? = nil) -> SQL { SQL(raw: columns(of: relation).map { ", \($0)" }.joined()) }

    /// One row for each group and one for the total.
    ///
    /// - Parameter fixed: columns that both are told apart by.
    func sets(within fixed: [String] = []) -> SQL {
        let total = "(\(fixed.joined(separator: ", ")))"
        let group = "(\((fixed + columns()).joined(separator: ", ")))"
        return SQL(raw: "grouping sets (\(dimensions.isEmpty ? total : "\(group), \(total)"))")
    }

    /// Whether a row of ``sets(within:)`` is the total.
    var isTotal: SQL { dimensions.isEmpty ? "true" : "grouping(name0) = 1" }

    /// The group that a row with the columns is of.
    func group(_ row: Row) throws -> ReportGroup {
        ReportGroup(
            try dimensions.enumerated().map { index, dimension in
                GroupKey(
                    dimension: dimension, name: try row.get("name\(index)", as: String?.self),
                    id: try row.get("id\(index)", as: String?.self))
            })
    }

    /// Whether a row is of the group.
    static func isOf(_ group: ReportGroup) -> [SQL] {
        group.keys.enumerated().map { index, key -> SQL in
            """
            \(ident: "name\(index)") is not distinct from \(key.name)
            and \(ident: "id\(index)") is not distinct from \(key.id)
            """
        }
    }
}

extension Dimension {
    /// What is answered as key and as id, over the relations of ``ReportStatement/keyed``.
    fileprivate var columns: (name: String, id: String) {
        let none = "null::text"
        return switch self {
        case .product: ("coalesce(p.name, f.product_name)", "f.product_id::text")
        case .owner: ("o.name", "f.owner_id::text")
        case .manager: ("m.name", "m.id::text")
        case .region: ("t.region", none)
        case .account: ("a.name", "f.account_id::text")
        case .stage: ("f.stage", none)
        case .source: ("f.source", none)
        case .grade: ("coalesce(f.grade, l.grade)", none)
        case .businessLine: ("b.name", "f.business_line_id::text")
        case .day: ("to_char(f.day, 'YYYY-MM-DD')", none)
        case .week: ("to_char(f.day, 'IYYY-\"W\"IW')", none)
        case .month: ("to_char(f.day, 'YYYY-MM')", none)
        case .quarter: ("to_char(f.day, 'YYYY-\"Q\"Q')", none)
        case .lostReason: ("case when f.kind = 'lost' then f.lost_reason end", none)
        case .competitor: ("f.competitor", none)
        case .lifecycle, .quadrant: ("\(rawValue).name", none)
        case .cohort: ("to_char(f.first_order, 'YYYY-MM')", none)
        }
    }
}
