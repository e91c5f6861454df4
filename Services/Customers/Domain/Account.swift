import Contracts
import Foundation
import JSON
import Values

/// A customer 客户: a company or a person who buys or may buy.
struct Account: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable, CaseIterable { case company, person }

    var id: UUID
    var version: Int64 = 1
    /// `ACC-2026-000123`.
    var code: String
    var name: String
    var kind = Kind.company
    /// Other and former names 曾用名, by which it is found too.
    var aliases: [String] = []
    /// The account above it (chain → outlet).
    var parentID: UUID?
    var creditCode: String?
    var industry: String?
    var employees: Int64?
    var annualRevenue: Money?
    var country: String?
    var region: String?
    var address: String?
    var phone: String?
    var email: String?
    var website: String?
    var ownerID: UUID?
    var teamID: UUID?
    var businessLineID: UUID?
    var source: String?
    /// The lead it came from.
    var leadID: UUID?
    var lifecycle = LifecycleState.potential
    var lifecycleSince: Timestamp?
    /// Of valid orders, kept with each order.
    var orderCount: Int64 = 0
    var orderValue: Money?
    var firstOrderDate: CalendarDate?
    var lastOrderDate: CalendarDate?
    var description: String?
    var externalSystem: String?
    var externalID: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    static let codePrefix = "ACC"
}

/// The tree of accounts.
enum Hierarchy {
    static let maximumDepth = 20

    /// Refuses a parent that would make a circle or a tree deeper than 20.
    ///
    /// - Parameter ancestors: of the new parent, nearest first, the parent itself included.
    static func checkParent(of account: UUID, ancestors: [UUID]) throws(Refusal) {
        guard !ancestors.contains(account) else {
            throw Refusal(
                .rule, "hierarchyCycle", at: "/parentId", "An account cannot stand below itself.", zh: "客户不能隶属于自己或其下级。")
        }
        try checkDepth(ancestors.count)
    }

    /// - Parameter depth: of the parent, itself included.
    static func checkDepth(_ depth: Int) throws(Refusal) {
        guard depth < maximumDepth else {
            throw Refusal(
                .rule, "hierarchyDepth", at: "/parentId", "A hierarchy has at most \(maximumDepth) levels.",
                zh: "客户层级最多 \(maximumDepth) 级。")
        }
    }
}

/// A person at a customer 联系人.
struct Contact: Sendable, Hashable {
    var id: UUID
    var version: Int64 = 1
    var accountID: UUID?
    var name: String
    var title: String?
    var department: String?
    var phone: String?
    var email: String?
    var isPrimary = false
    var ownerID: UUID?
    var teamID: UUID?
    /// The lead it came from.
    var leadID: UUID?
    var description: String?
    var externalSystem: String?
    var externalID: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?
}
