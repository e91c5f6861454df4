import Contracts
import Entities
import Foundation
import JSON
import Text
import Values

/// Someone who may become a customer 线索.
struct Lead: Sendable, Hashable {
    var id: UUID
    var version: Int64 = 1
    var company: String?
    var person: String?
    var title: String?
    var phone: String?
    var email: String?
    var creditCode: String?
    var region: String?
    var industry: String?
    var employees: Int64?
    /// What he asks for, as he or the platform names it.
    var product: String?
    var need: String?
    var amount: Money?
    /// Source of the first touch, by its key in the catalogue of sources.
    var source: String?
    /// Source of the latest touch.
    var lastSource: String?
    var touches: Int64 = 1
    var lastTouchAt: Timestamp
    var status = LeadStatus.new
    var disqualifiedReason: String?
    var grade: Grade?
    var points: Int64?
    var ownerID: UUID?
    var teamID: UUID?
    var businessLineID: UUID?
    /// The rule that assigned it; nil when a person did, or nobody yet.
    var assignmentRuleID: UUID?
    var nextStep: String?
    var nextStepAt: Timestamp?
    var firstContactAt: Timestamp?
    var lastActivityAt: Timestamp?
    /// The conversion that is running; nothing else may change the status meanwhile.
    var conversionID: UUID?
    var convertedAt: Timestamp?
    var accountID: UUID?
    var contactID: UUID?
    var opportunityID: UUID?
    var externalSystem: String?
    var externalID: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    /// A lead must lead somewhere: to a company, a person, or a record elsewhere.
    func validateCreation() throws(Refusal) {
        let ways = [company, person, phone, email, externalID]
        guard ways.contains(where: { $0?.contains { !$0.isWhitespace } == true }) else {
            throw Refusal(
                .rule, "leadEmpty", "Give at least one of company, person, phone, email, externalId.",
                zh: "公司、联系人、电话、邮箱、externalId 至少填写一项。")
        }
        try UnifiedSocialCreditCode.check(creditCode)
    }

    /// Whether somebody works on it or should.
    var isOpen: Bool { status != .converted && status != .disqualified && deletedAt == nil }
}

extension LeadStatus {
    /// Where a person may move it. Into `converted` only a conversion leads, and nothing leads out of it.
    var next: Set<LeadStatus> {
        switch self {
        case .new: [.contacted, .qualifying, .qualified, .disqualified]
        case .contacted: [.qualifying, .qualified, .disqualified]
        case .qualifying: [.contacted, .qualified, .disqualified]
        case .qualified: [.qualifying, .disqualified]
        case .disqualified: [.new, .contacted, .qualifying]
        case .converted: []
        }
    }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
enum Grade: String, Sendable, Hashable, CaseIterable { case A, B, C, D }

/// One time that a lead came to us: the same lead may ask on several platforms.
struct Touch: Sendable, Hashable {
    var id: UUID
    var leadID: UUID
    var source: String?
    var at: Timestamp
    var product: String?
    var need: String?
    var externalSystem: String?
    var externalID: String?
}
