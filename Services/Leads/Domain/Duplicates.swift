import Contracts
import Foundation
import Text
import Values

/// What makes two leads one: the kinds of match keys a tenant may use.
enum MatchKeyKind: String, Sendable, Hashable, CaseIterable {
    case externalID = "externalId"
    case creditCode, phone, email, companyProduct, company

    /// How sure a match on this key alone is.
    var score: Double {
        switch self {
        case .externalID, .creditCode: 1
        case .phone, .email: 0.95
        case .companyProduct: 0.9
        case .company: 0.7
        }
    }

    func why(language: String) -> String {
        let zh = language.hasPrefix("zh")
        return switch self {
        case .externalID: zh ? "外部编号相同" : "same external id"
        case .creditCode: zh ? "统一社会信用代码相同" : "same unified social credit code"
        case .phone: zh ? "电话相同" : "same phone"
        case .email: zh ? "邮箱相同" : "same e-mail"
        case .companyProduct: zh ? "公司与产品相同" : "same company and product"
        case .company: zh ? "公司相同" : "same company"
        }
    }
}

/// One key of one lead, as it is stored and looked up.
struct MatchKey: Sendable, Hashable {
    let kind: MatchKeyKind
    let value: String
}

extension Lead {
    /// All keys of this lead, normalised; a value that cannot be normalised (a phone without area code) gives none.
    var matchKeys: [MatchKey] {
        let company = company.map { CompanyName($0).key }.flatMap { $0.isEmpty ? nil : $0 }
        let product = product.map { foldedText($0).filter { $0.isLetter || $0.isNumber } } ?? ""
        let values: [(MatchKeyKind, String?)] = [
            (.externalID, externalID.map { "\(externalSystem ?? "")\u{1F}\($0)" }),
            (.creditCode, creditCode.flatMap(UnifiedSocialCreditCode.init)?.text),
            (.phone, phone.flatMap { PhoneNumber($0) }?.e164),
            (.email, email.flatMap(EmailAddress.normalized)),
            (.companyProduct, company.map { "\($0)\u{1F}\(product)" }),
            (.company, company),
        ]
        return values.compactMap { kind, value in value.map { MatchKey(kind: kind, value: $0) } }
    }
}

/// How a tenant wants duplicates treated.
struct DuplicatePolicy: Sendable, Hashable {
    enum Action: String, Sendable, Hashable, CaseIterable {
        /// Make the lead and name the others.
        case createAndFlag
        /// Add a touch to the lead that is there.
        case link
        /// Refuse, naming the lead that is there.
        case block
    }

    var action = Action.createAndFlag
    var keys: Set<MatchKeyKind> = [.externalID, .creditCode, .phone, .email, .companyProduct]
    /// Days since the other lead's last touch within which it counts; nil = always.
    var windowDays: Int? = 90
}

/// A stored lead that shares a key.
struct DuplicateCandidate: Sendable, Hashable {
    var id: UUID
    var keys: Set<MatchKey>
    var status: LeadStatus
    var lastTouchAt: Timestamp
}

struct Duplicate: Sendable, Hashable {
    let id: UUID
    let score: Double
    let why: [MatchKeyKind]
}

enum DuplicateDecision: Sendable, Hashable {
    /// Make it; the duplicates, if any, are named in the answer and in the event.
    case create(flagging: [Duplicate])
    /// Another touch of that lead.
    case link(Duplicate)
    case block(Duplicate)

    /// Nobody looks through more, and an event names no more.
    static let mostFlagged = 20

    /// What to do with a new lead in view of the stored ones that share a key, the best match first.
    ///
    /// The same external id is the same lead whatever the policy: it is linked or blocked, never made twice.
    static func decide(
        _ keys: [MatchKey], candidates: [DuplicateCandidate], policy: DuplicatePolicy, at time: Timestamp
    ) -> DuplicateDecision {
        let found = candidates.compactMap { candidate in
            duplicate(keys, candidate, policy, time).map { (candidate, $0) }
        }.sorted { left, right in
            (left.1.score, left.0.lastTouchAt, left.1.id) > (right.1.score, right.0.lastTouchAt, right.1.id)
        }
        guard let best = found.first?.1 else { return .create(flagging: []) }
        let flagged = found.prefix(Self.mostFlagged).map(\.1)
        if let same = found.first(where: { $0.1.why.contains(.externalID) }) {
            return policy.action == .link ? .link(same.1) : .block(same.1)
        }
        switch policy.action {
        case .createAndFlag: return .create(flagging: flagged)
        case .block: return .block(best)
        case .link:
            // A touch added to a closed lead would be seen by nobody.
            let open = found.first { $0.0.status != .converted && $0.0.status != .disqualified }
            guard let open else { return .create(flagging: flagged) }
            return .link(open.1)
        }
    }

    private static func duplicate(
        _ keys: [MatchKey], _ candidate: DuplicateCandidate, _ policy: DuplicatePolicy, _ time: Timestamp
    ) -> Duplicate? {
        let isRecent =
            policy.windowDays.map { days in
                let gap = (time - candidate.lastTouchAt).inSeconds
                return abs(gap) <= Double(days) * 86_400
            } ?? true
        let why = keys.filter { key in
            candidate.keys.contains(key) && (key.kind == .externalID || policy.keys.contains(key.kind) && isRecent)
        }.map(\.kind)
        guard let score = why.map(\.score).max() else { return nil }
        return Duplicate(id: candidate.id, score: score, why: why)
    }
}
