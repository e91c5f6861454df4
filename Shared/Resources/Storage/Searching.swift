import JSON
import Postgres
import Synchronization
import Tenancy
import Text
import Values

/// What is known of the texts that a search looks through, for some minutes.
final class SearchSamples: Sendable {
    private struct Known {
        let grams: CommonGrams
        let until: ContinuousClock.Instant
    }

    private static let freshness = Duration.seconds(600)
    /// Of tenants and collections.
    private static let limit = 2_000

    private let known = Mutex<[String: Known]>([:])

    func grams(of key: String, _ sample: () async throws -> [String]) async throws -> CommonGrams {
        if let known = known.withLock({ $0[key] }), known.until > .now { return known.grams }
        let grams = CommonGrams(sample: try await sample())
        known.withLock { known in
            if known.count >= Self.limit { known = [:] }
            known[key] = Known(grams: grams, until: .now + Self.freshness)
        }
        return grams
    }
}

extension Resource {
    /// The condition that lets through the records whose text of search has what somebody typed.
    ///
    /// The trigram index finds candidates by what of it is rare, or by the spelling of Chinese words that are too short
    /// for it; among them the whole is looked for. What is common is left to the planner, which then goes through the
    /// list in its order.
    func search(_ text: String, _ column: String, tenant: TenantID) async throws -> SQL {
        let column: SQL = "\(ident: column)"
        let qualified = table.qualified(SchemaName(tenant))
        let grams = try await environment.searchSamples.grams(of: "\(tenant.text)/\(collection)") {
            try await sample(of: column, in: qualified, tenant: tenant)
        }
        let found = SearchText.patterns(text).map { Self.search($0, column, qualified, grams) }
        return found.count == 1 ? found[0] : "(\(found.joined(separator: " or ")))"
    }

    private static func search(_ pattern: String, _ column: SQL, _ qualified: SQL, _ grams: CommonGrams) -> SQL {
        let parts = parts(of: pattern, grams)
        guard !parts.isEmpty else { return like(column, pattern) }
        // By itself, for the planner would take a part that is in one of its hundred samples by chance for common, and go
        // through the whole list.
        let candidates = parts.map { like(column, $0) }.joined(separator: " or ")
        return """
            id = any(array(
                select id from \(qualified) where (\(candidates)) and strpos(\(column), \(pattern)) > 0))
            """
    }

    /// Texts of the newest records, and of some from all over the table: the newest may be of one import.
    private func sample(of column: SQL, in table: SQL, tenant: TenantID) async throws -> [String] {
        // The planner's guess: a tenant's role is not told how large anything is.
        let plan: SQL = "explain (format json) select from \(table)"
        let guess = try await database.query(tenant, plan.unprepared()).single().get(0, as: JSON.self)
        let rows = guess[0]?["Plan"]?["Plan Rows"]?.double ?? 1
        return try await database.query(
            tenant,
            """
            (select \(column) from \(table) order by id desc limit 100)
            union all (select \(column) from \(table) tablesample system (\(min(100, 30_000 / max(1, rows)))))
            """
        ).map { try $0.get(0) }
    }

    /// Of these a text that has the pattern has one, and few others have; empty when there are none.
    private static func parts(of pattern: String, _ grams: CommonGrams) -> [String] {
        let words = pattern.split { !$0.isLetter && !$0.isNumber }
        if words.contains(where: { $0.unicodeScalars.count >= 3 }) {
            return grams.rarePart(of: pattern).map { [$0] } ?? []
        }
        let short = words.filter(\.containsHan).max { $0.count < $1.count }
        let spellings = Pinyin.spellings(of: short.map(String.init) ?? "")
        return spellings.allSatisfy(grams.isRare) ? spellings.sorted() : []
    }

    private static func like(_ column: SQL, _ part: String) -> SQL {
        let escaped = part.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
        return "\(column) like \("%\(escaped)%")"
    }
}
