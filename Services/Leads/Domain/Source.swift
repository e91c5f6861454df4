import Foundation
import JSON
import Values

/// A way by which leads come in 线索来源.
struct Source: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable, CaseIterable {
        case ownSite, adPlatform, event, purchasedList, mapListing, coldVisit, referral, selfRegistration, partner,
            other

        var label: (en: String, zh: String) {
            switch self {
            case .ownSite: ("Own site or app", "自有网站或应用")
            case .adPlatform: ("Ad platform", "广告平台")
            case .event: ("Event", "活动")
            case .purchasedList: ("Purchased list", "采购名单")
            case .mapListing: ("Map listing", "地图商户")
            case .coldVisit: ("Cold visit", "陌拜")
            case .referral: ("Referral", "转介绍")
            case .selfRegistration: ("Self-registration", "自主注册")
            case .partner: ("Partner", "合作伙伴")
            case .other: ("Other", "其他")
            }
        }
    }

    var id: UUID
    var version: Int64 = 1
    /// What leads name, e.g. `google`; unique.
    var key: String
    var name: String
    var kind: Kind
    /// Why these people may be contacted; lists and map listings need one.
    var lawfulBasis: String?
    var isActive = true
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    func validate() throws(Refusal) {
        let needsBasis = kind == .purchasedList || kind == .mapListing
        guard !needsBasis || lawfulBasis?.contains(where: { !$0.isWhitespace }) == true else {
            throw Refusal(
                .rule, "required", at: "/lawfulBasis", "Say on what lawful basis these people may be contacted.",
                zh: "请填写联系这些人的合法依据。")
        }
    }
}
