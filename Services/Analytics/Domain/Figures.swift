import JSON
import Values

/// What was counted for one group.
struct Figures: Sendable {
    var counts: [String: Int64] = [:]
    /// Sums in the tenant's currency.
    var sums: [String: Money] = [:]

    /// The group as the API answers it, in a fixed order.
    func members(_ subject: Subject, _ currency: Currency, isOpenKnown: Bool) -> [JSONObject.Member] {
        func count(_ name: String) -> Int64 { counts[name] ?? 0 }
        func sum(_ name: String) -> JSON { (sums[name] ?? .zero(currency)).json }
        switch subject {
        case .leads:
            return [
                ("created", .int(count("created"))), ("converted", .int(count("converted"))),
                ("conversionRate", Ratio.of(count("converted"), count("created")).json),
            ]
        case .opportunities:
            return [
                ("created", .int(count("created"))), ("won", .int(count("won"))), ("lost", .int(count("lost"))),
                // What is open belongs to no period.
                ("open", isOpenKnown ? .int(count("open")) : .null), ("wonValue", sum("won")),
                ("openValue", isOpenKnown ? sum("open") : .null),
                ("winRate", Ratio.of(count("won"), count("won") + count("lost")).json),
            ]
        case .customers:
            return [
                ("customers", .int(count("customers"))), ("orders", .int(count("orders"))),
                ("orderValue", sum("orders")),
            ]
        }
    }
}

/// One value of one dimension.
struct GroupKey: Sendable, Hashable {
    var dimension: Dimension
    /// What people read; nil where nothing is set.
    var name: String?
    /// Where the name stands for an object.
    var id: String?
    /// Whose records the group holds, where no filter of a list says it by itself.
    var owners: [String] = []
}

/// Addresses of the lists behind figures.
enum Drill {
    /// A link for each figure; null where no list can be asked for exactly these records.
    static func members(_ query: ReportQuery, _ keys: [GroupKey]) -> JSON {
        let period = keys.first(where: \.dimension.isPeriod)
        let range = period.flatMap(days)
        let from = [query.from, range?.lowerBound].compactMap { $0 }.max()
        let to = [query.to, range?.upperBound].compactMap { $0 }.min()
        func link(_ list: List, _ fixed: [String] = [], date: String?) -> JSON {
            let filters = keys.filter { !$0.dimension.isPeriod }.map { filter($0, list) }
            guard !filters.contains(nil), period == nil || (range != nil && date != nil), query.asOf == nil else {
                return .null
            }
            var parts = fixed + filters.compactMap { $0 }
            if let date {
                if let from { parts.append("\(date).gte=\(from)") }
                if let to { parts.append("\(date).lt=\(to.adding(days: 1))") }
            }
            return .string("/v1/\(list.rawValue)" + (parts.isEmpty ? "" : "?" + parts.joined(separator: "&")))
        }
        switch query.subject {
        case .leads:
            return [
                "created": link(.leads, date: "createdAt"),
                "converted": link(.leads, ["status=converted"], date: "createdAt"),
            ]
        case .opportunities:
            return [
                "created": link(.opportunities, date: "openedAt"),
                "won": link(.opportunities, ["status=won"], date: "closeDate"),
                "lost": link(.opportunities, ["status=lost"], date: "closeDate"),
                "open": link(.opportunities, ["status=open"], date: nil),
            ]
        case .customers:
            return [
                "customers": link(.accounts, date: "createdAt"),
                "orders": link(.orders, ["status=placed"], date: "orderedOn"),
            ]
        }
    }

    private enum List: String { case leads, opportunities, accounts, orders }

    /// nil when the list has no such filter.
    private static func filter(_ key: GroupKey, _ list: List) -> String? {
        switch (key.dimension, list) {
        case (.owner, _): reference("ownerId", key)
        case (.businessLine, _): reference("businessLineId", key)
        case (.account, .opportunities), (.account, .orders): reference("accountId", key)
        case (.product, .orders): reference("productId", key)
        case (.stage, .opportunities): reference("stage", key)
        case (.source, .leads), (.source, .opportunities), (.source, .accounts): reference("source", key)
        case (.grade, .leads): reference("grade", key)
        case (.lifecycle, .accounts): reference("lifecycle", key)
        case (.manager, _), (.region, _):
            (1...50).contains(key.owners.count) ? "ownerId=\(key.owners.joined(separator: ","))" : nil
        default: nil
        }
    }

    private static func reference(_ member: String, _ key: GroupKey) -> String {
        guard let value = key.id ?? key.name else { return "\(member).isNull=true" }
        return "\(member)=\(encoded(value))"
    }

    /// Percent-encoded for a query; commas would be "one of".
    static func encoded(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        let bytes = text.utf8.flatMap { byte in
            plain.contains(byte) ? [byte] : [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The days of a period as reports name it.
    static func days(_ key: GroupKey) -> ClosedRange<CalendarDate>? {
        guard let name = key.name else { return nil }
        let parts = name.split(separator: "-")
        guard let year = parts.first.flatMap({ Int($0) }) else { return nil }
        let (first, period): (CalendarDate?, Period)
        switch key.dimension {
        case .day: (first, period) = (CalendarDate(name), .day)
        case .week:
            // The 4th of January always lies in the first week.
            let week = Int(parts[1].dropFirst()) ?? 1
            let start = CalendarDate(year: year, month: 1, day: 4)?.start(of: .week)
            (first, period) = (start?.adding(days: 7 * (week - 1)), .week)
        case .month: (first, period) = (CalendarDate(year: year, month: Int(parts[1]) ?? 1, day: 1), .month)
        case .quarter:
            let quarter = Int(parts[1].dropFirst()) ?? 1
            (first, period) = (CalendarDate(year: year, month: quarter * 3 - 2, day: 1), .quarter)
        default: return nil
        }
        return first.map { $0.start(of: period)...$0.end(of: period) }
    }
}
