import Contracts
import Entities
import Foundation
import Text
import Values

typealias LeadMatchKey = MatchKey<LeadMatchKind>
typealias LeadCandidate = MatchCandidate<Lead, LeadMatchKind>
typealias LeadDuplicatePolicy = DuplicatePolicy<LeadMatchKind>

/// What makes two leads one.
enum LeadMatchKind: String, MatchKind {
    case externalID = "externalId"
    case creditCode, phone, email, companyProduct, company

    var score: Double {
        switch self {
        case .externalID, .creditCode: 1
        case .phone, .email: 0.95
        case .companyProduct: 0.9
        case .company: 0.7
        }
    }

    var reason: (en: String, zh: String) {
        switch self {
        case .externalID: ("same external id", "外部编号相同")
        case .creditCode: ("same unified social credit code", "统一社会信用代码相同")
        case .phone: ("same phone", "电话相同")
        case .email: ("same e-mail", "邮箱相同")
        case .companyProduct: ("same company and product", "公司与产品相同")
        case .company: ("same company", "公司相同")
        }
    }

    static let standardKinds: Set<LeadMatchKind> = [.externalID, .creditCode, .phone, .email, .companyProduct]
    static let standardWindowDays: Int? = 90
}

extension Lead {
    /// All keys of this lead, normalised; a value that cannot be normalised (a phone without area code) gives none.
    var matchKeys: [LeadMatchKey] {
        let company = company.map { CompanyName($0).key }.flatMap { $0.isEmpty ? nil : $0 }
        let product = product.map { foldedText($0).filter { $0.isLetter || $0.isNumber } } ?? ""
        let values: [(LeadMatchKind, String?)] = [
            (.externalID, externalID.map { "\(externalSystem ?? "")\u{1F}\($0)" }),
            (.creditCode, creditCode.flatMap(UnifiedSocialCreditCode.init)?.text),
            (.phone, phone.flatMap { PhoneNumber($0) }?.e164),
            (.email, email.flatMap(EmailAddress.normalized)),
            (.companyProduct, company.map { "\($0)\u{1F}\(product)" }),
            (.company, company),
        ]
        return values.compactMap { kind, value in LeadMatchKey(kind, normalized: value) }
    }
}

extension LeadDuplicatePolicy {
    /// Nobody looks through more, and an event names no more.
    static let mostFlagged = 20

    /// What to do with a new lead in view of the stored ones that share a key, the best match first, of equal ones that
    /// with the latest touch.
    ///
    /// The same external id is the same lead whatever the policy: it is linked or blocked, never made twice.
    func decide(
        _ keys: [LeadMatchKey], among candidates: [LeadCandidate], at time: Timestamp
    ) -> DuplicateDecision<LeadMatchKind> {
        var found: [(duplicate: Duplicate<LeadMatchKind>, lastTouchAt: Timestamp, isOpen: Bool)] = []
        for candidate in candidates {
            let isRecent = isInWindow(candidate.record.lastTouchAt, at: time)
            let duplicate = Duplicate(keys, candidate) { kind in
                kind == .externalID || isRecent && self.keys.contains(kind)
            }
            guard let duplicate else { continue }
            let status = candidate.record.status
            found.append(
                (duplicate, candidate.record.lastTouchAt, status != .converted && status != .disqualified))
        }
        found.sort { left, right in
            (left.duplicate.score, left.lastTouchAt, left.duplicate.id)
                > (right.duplicate.score, right.lastTouchAt, right.duplicate.id)
        }
        if let same = found.first(where: { $0.duplicate.why.contains(.externalID) })?.duplicate {
            return action == .link ? .link(same) : .block(same)
        }
        // A touch added to a closed lead would be seen by nobody.
        let open = found.first { $0.isOpen }?.duplicate
        return decide(found.prefix(Self.mostFlagged).map { $0.duplicate }, linking: open)
    }

    private func isInWindow(_ touch: Timestamp, at time: Timestamp) -> Bool {
        guard let windowDays else { return true }
        return abs((time - touch).inSeconds) <= Double(windowDays) * 86_400
    }
}
