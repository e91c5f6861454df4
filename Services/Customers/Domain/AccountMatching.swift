import Entities
import Foundation
import Text
import Values

typealias AccountMatchKey = MatchKey<AccountMatchKind>
/// Of accounts, and of contacts within one account.
typealias AccountDuplicatePolicy = DuplicatePolicy<AccountMatchKind>

/// What makes two accounts one, or two contacts of an account.
enum AccountMatchKind: String, MatchKind {
    case creditCode, phone, email
    /// The name or an alias, normalised; of companies only: many people share a name.
    case name

    var score: Double {
        switch self {
        case .creditCode: 1
        case .phone, .email: 0.95
        case .name: 0.9
        }
    }

    var reason: (en: String, zh: String) {
        switch self {
        case .creditCode: ("same unified social credit code", "统一社会信用代码相同")
        case .phone: ("same phone", "电话相同")
        case .email: ("same e-mail", "邮箱相同")
        case .name: ("same name or alias", "名称或别名相同")
        }
    }
}

extension AccountMatchKey {
    /// nil for what cannot be compared, such as a phone without its area code.
    init?(_ kind: AccountMatchKind, _ raw: String?) {
        guard let raw else { return nil }
        let value: String? =
            switch kind {
            case .creditCode: UnifiedSocialCreditCode(raw)?.text
            case .phone: PhoneNumber(raw)?.e164
            case .email: EmailAddress.normalized(raw)
            case .name: CompanyName(raw).key
            }
        self.init(kind, normalized: value)
    }
}

extension Account {
    /// Keys of the name, every alias, and the numbers it is known by, without repeats.
    var matchKeys: [AccountMatchKey] {
        let names = kind == .person ? [] : ([name] + aliases).map { AccountMatchKey(.name, $0) }
        let numbers = [
            AccountMatchKey(.creditCode, creditCode), AccountMatchKey(.phone, phone), AccountMatchKey(.email, email),
        ]
        var keys: [AccountMatchKey] = []
        for key in (names + numbers).compactMap(\.self) where !keys.contains(key) { keys.append(key) }
        return keys
    }

    /// Refuses a credit code whose check digit says that it was mistyped.
    func validateCreditCode() throws(Refusal) { try UnifiedSocialCreditCode.check(creditCode) }

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
    var matchKeys: [AccountMatchKey] {
        [AccountMatchKey(.phone, phone), AccountMatchKey(.email, email)].compactMap(\.self)
    }
}

extension AccountDuplicatePolicy {
    /// What to do with something new in view of those that are there, the best match first, the older first.
    ///
    /// - Parameter canLink: whether one can take the new one up; two records of one other system are two.
    func decide<Record>(
        _ keys: [AccountMatchKey], among candidates: [MatchCandidate<Record, AccountMatchKind>],
        canLink: (Record) -> Bool = { _ in true }
    ) -> DuplicateDecision<AccountMatchKind> {
        var found: [(duplicate: Duplicate<AccountMatchKind>, canLink: Bool)] = []
        for candidate in candidates {
            guard let duplicate = Duplicate(keys, candidate, where: { self.keys.contains($0) }) else { continue }
            found.append((duplicate, canLink(candidate.record)))
        }
        found.sort { left, right in
            (right.duplicate.score, left.duplicate.id.lowercased)
                < (left.duplicate.score, right.duplicate.id.lowercased)
        }
        return decide(found.map { $0.duplicate }, linking: found.first { $0.canLink }?.duplicate)
    }
}
