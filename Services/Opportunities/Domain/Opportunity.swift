import Contracts
import Entities
import Foundation
import JSON
import Values

/// A possible sale 商机.
struct Opportunity: Sendable, Hashable {
    enum Status: String, Sendable, Hashable, CaseIterable { case open, won, lost }

    var id: UUID
    var version: Int64 = 1
    /// `OPP-2026-000123`.
    var code: String
    var name: String
    var accountID: UUID?
    var contactID: UUID?
    /// The lead it came from.
    var leadID: UUID?
    var ownerID: UUID?
    var teamID: UUID?
    var businessLineID: UUID?
    var source: String?
    var productLines: [ProductLine] = []
    var amount: Money?
    var expectedCloseDate: CalendarDate?
    var pipelineID: UUID
    var pipelineVersion: Int
    var stage: String
    /// Chinese name of the stage and its win rate in percent, as they were when it was entered.
    var stageName: String?
    var storedNames: StageNames?
    var winRate: Int64?
    var stageEnteredAt: Timestamp
    var status = Status.open
    var openedAt: Timestamp?
    var closedAt: Timestamp?
    /// The day of `closedAt` in the tenant's time zone.
    var closeDate: CalendarDate?
    var lostReason: String?
    var competitor: String?
    /// The day to come back to a lost one 培育.
    var nurtureOn: CalendarDate?
    var lastActivityAt: Timestamp?
    var registration: Registration?
    var registeredAt: Timestamp?
    /// Last day on which a registration keeps others off.
    var protectedUntil: CalendarDate?
    var description: String?
    var externalSystem: String?
    var externalID: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    static let codePrefix = "OPP"

    /// The stage's name in both languages; nil where only `stageName` is known. A release that knew no other leaves the
    /// names of the stage before beside it.
    var stageNames: StageNames? {
        get { storedNames.flatMap { [$0.zh, $0.en].contains(stageName) ? $0 : nil } }
        set { storedNames = newValue }
    }
}

/// A product within an opportunity.
struct ProductLine: CatalogueRecord {
    var productID: UUID?
    var name: String?
    var quantity: Int64 = 1
    /// For one; nil = the list price is still to be agreed.
    var price: Money?

    init() {}

    static let catalogue = Entity<ProductLine>(
        "productLine", zh: "产品明细", en: "Product line",
        [
            Field("productId", \.productID, .reference(to: "product"), zh: "产品", en: "Product"),
            Field("name", \.name, .string, zh: "名称", en: "Name"),
            Field("quantity", \.quantity, .integer, zh: "数量", en: "Quantity"),
            Field("price", \.price, .money, zh: "单价", en: "Price", help: "For one."),
        ])
}

/// One line of an opportunity's history: who moved it, when, and how long it had been where it was.
struct StageChange: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable { case created, moved, won, lost, reopened, migrated }

    var kind: Kind
    /// nil when the opportunity was made.
    var fromStage: String?
    var toStage: String
    var at: Timestamp
    /// The principal; nil = the system.
    var by: UUID?
    /// Time spent in `fromStage`.
    var spent: Duration?
    var reason: String?
}

extension Opportunity {
    /// The first line of the history.
    func creation(by actor: UUID?) -> StageChange {
        StageChange(
            kind: .created, fromStage: nil, toStage: stage, at: stageEnteredAt, by: actor, spent: nil, reason: nil)
    }
}
