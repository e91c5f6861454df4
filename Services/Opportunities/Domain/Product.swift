import Entities
import Foundation
import JSON
import Text
import Values

/// Something that is sold 产品.
struct Product: Sendable, Hashable {
    var id: UUID
    var version: Int64 = 1
    var name: String
    var series: String?
    var listPrice: Money?
    /// Other spellings, as other systems write it.
    var aliases: [String] = []
    var isActive = true
    var externalSystem: String?
    var externalID: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    /// Two spellings with one key are one product: width, case, spaces and punctuation do not count, so `GTXPro` is
    /// `GTX Pro`. `+` counts: `GTX Plus` may be sold beside `GTX+`.
    static func matchKey(_ name: String) -> String {
        String(foldedText(name).filter { $0.isLetter || $0.isNumber || $0 == "+" })
    }

    /// The keys under which it is found, without repeats.
    var matchKeys: [String] {
        var keys: [String] = []
        for key in ([name] + aliases).map(Self.matchKey) where !key.isEmpty && !keys.contains(key) { keys.append(key) }
        return keys
    }

    /// Refuses a product whose name or alias already means another one.
    ///
    /// - Parameter owners: products found under `matchKeys` of this one.
    func checkNames(against owners: [Product]) throws(Refusal) {
        for owner in owners where owner.id != id {
            if let key = matchKeys.first(where: owner.matchKeys.contains) {
                throw Refusal(
                    .rule, "nameTaken", at: Self.matchKey(name) == key ? "/name" : "/aliases",
                    "This name already means the product \(owner.name).", zh: "该名称已指向产品“\(owner.name)”。")
            }
        }
    }
}

/// A goal of a period 目标: for a business line, a team or a person, or for all (none of them).
struct Target: Sendable, Hashable {
    var id: UUID
    var version: Int64 = 1
    /// `2026`, `2026-Q4` or `2026-11`, as reports write periods.
    var period: String
    var amount: Money
    var businessLineID: UUID?
    var teamID: UUID?
    var ownerID: UUID?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?
}

extension Target {
    /// Refuses a period that no report knows.
    func validate() throws(Refusal) {
        guard PeriodKey(period) != nil else {
            throw Refusal(rule: .period("/period", code: "period"))
        }
    }
}
