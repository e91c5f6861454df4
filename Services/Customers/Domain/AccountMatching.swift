import Foundation
import Text
import Values

/// What makes two accounts one, or two contacts of an account.
enum MatchKind: String, Sendable, Hashable, CaseIterable {
    case creditCode, phone, email
    /// The name or an alias, normalised; of companies only: many people share a name.
    case name

    /// How sure a match on this key alone is.
    var score: Double {
        switch self {
        case .creditCode: 1
        case .phone, .email: 0.95
        case .name: 0.9
        }
    }

    func why(language: String) -> String {
        let zh = language.hasPrefix("zh")
        return switch self {
        case .creditCode: zh ? "统一社会信用代码相同" : "same unified social credit code"
        case .phone: zh ? "电话相同" : "same phone"
        case .email: zh ? "邮箱相同" : "same e-mail"
        case .name: zh ? "名称或别名相同" : "same name or alias"
        }
    }
}

/// One key of an account or contact, as it is stored and looked up.
struct MatchKey: Sendable, Hashable {
    let kind: MatchKind
    let value: String

    var text: String { "\(kind.rawValue):\(value)" }

    /// nil for what cannot be compared, such as a phone without its area code.
    init?(_ kind: MatchKind, _ raw: String?) {
        guard let raw else { return nil }
        let value: String? =
            switch kind {
            case .creditCode: UnifiedSocialCreditCode(raw)?.text
            case .phone: PhoneNumber(raw)?.e164
            case .email: EmailAddress.normalized(raw)
            case .name: CompanyName(raw).key
            }
        guard let value, !value.isEmpty else { return nil }
        (self.kind, self.value) = (kind, value)
    }
}

extension Account {
    /// Keys of the name, every alias, and the numbers it is known by, without repeats.
    var matchKeys: [MatchKey] {
        let names = kind == .person ? [] : ([name] + aliases).map { MatchKey(.name, $0) }
        let numbers = [MatchKey(.creditCode, creditCode), MatchKey(.phone, phone), MatchKey(.email, email)]
        var keys: [MatchKey] = []
        for key in (names + numbers).compactMap(\.self) where !keys.contains(key) { keys.append(key) }
        return keys
    }

    /// Refuses a credit code whose check digit says that it was mistyped.
    func validateCreditCode() throws(Refusal) {
        guard let creditCode, UnifiedSocialCreditCode(creditCode) == nil else { return }
        throw Refusal(
            .rule, "creditCode", at: "/creditCode", "This is no unified social credit code: check its 18 characters.",
            zh: "统一社会信用代码有误，请核对全部 18 位。")
    }

    /// What another description of the same customer adds: names he goes by and numbers that were missing.
    func completed(by other: Account) -> Account {
        var account = self
        let known = Set(([name] + aliases).map { CompanyName($0).key })
        for name in [other.name] + other.aliases
        where !known.contains(CompanyName(name).key) && !account.aliases.contains(name) && account.aliases.count < 50 {
            account.aliases.append(name)
        }
        account.creditCode = creditCode ?? other.creditCode
        account.phone = phone ?? other.phone
        account.email = email ?? other.email
        if externalID == nil { (account.externalSystem, account.externalID) = (other.externalSystem, other.externalID) }
        return account
    }
}

extension Contact {
    /// Two contacts of one account that share one are one person.
    var matchKeys: [MatchKey] { [MatchKey(.phone, phone), MatchKey(.email, email)].compactMap(\.self) }
}

/// How a tenant wants duplicates of accounts, and of an account's contacts, treated.
struct DuplicatePolicy: Sendable, Hashable {
    enum Action: String, Sendable, Hashable, CaseIterable {
        /// Make it and name the others.
        case createAndFlag
        /// Take the one that is there, and complete it.
        case link
        /// Refuse, naming the one that is there.
        case block
    }

    var action = Action.createAndFlag
    var keys = Set(MatchKind.allCases)
}

struct Duplicate: Sendable, Hashable {
    let id: UUID
    let why: [MatchKind]
    var score: Double { why.map(\.score).max() ?? 0 }
}

enum DuplicateDecision: Sendable, Hashable {
    case create(flagging: [Duplicate])
    case link(Duplicate)
    case block(Duplicate)

    /// What to do with something new in view of those that are there, the best match first, the older first.
    ///
    /// - Parameter canLink: whether one can take the new one up; two records of one other system are two.
    static func decide(
        _ keys: [MatchKey], candidates: [(id: UUID, keys: [MatchKey])], policy: DuplicatePolicy,
        canLink: (UUID) -> Bool = { _ in true }
    ) -> DuplicateDecision {
        let wanted = Set(keys.filter { policy.keys.contains($0.kind) })
        let found = candidates.compactMap { candidate -> Duplicate? in
            let shared = candidate.keys.filter(wanted.contains).map(\.kind)
            return shared.isEmpty ? nil : Duplicate(id: candidate.id, why: shared)
        }.sorted { ($1.score, $0.id.lowercased) < ($0.score, $1.id.lowercased) }
        guard let best = found.first else { return .create(flagging: []) }
        switch policy.action {
        case .createAndFlag: return .create(flagging: found)
        case .block: return .block(best)
        case .link: return found.first { canLink($0.id) }.map { .link($0) } ?? .create(flagging: found)
        }
    }
}
