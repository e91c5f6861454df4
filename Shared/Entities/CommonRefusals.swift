import Text
import Values

// What several services refuse is said in the same words by all of them.

extension FieldIssue {
    /// Something named that is not there.
    ///
    /// - Parameters:
    ///   - value: the name or id, where it is known.
    ///   - kind: what it should be and where such are listed; without it, any object.
    public static func unknownReference(
        _ path: String, _ value: String?, kind: (en: String, zh: String, list: String)? = nil
    ) -> FieldIssue {
        let (en, zh) = value.map { (": \($0.prefix(80))", "：\($0.prefix(80))") } ?? ("", "")
        guard let kind else {
            return FieldIssue(
                path, "unknownReference", "There is no such object\(en).", zh: "没有该对象\(zh)。")
        }
        return FieldIssue(
            path, "unknownReference",
            "There is no such \(kind.en)\(en). Name one of GET \(kind.list), or leave this out.",
            zh: "没有该\(kind.zh)\(zh)。请填写 GET \(kind.list) 中的\(kind.zh)，或去掉此项。")
    }

    /// An amount in another currency than the tenant's: reports add up in that, and there are no rates to convert by.
    public static func noExchangeRate(_ path: String, for currency: String, to home: String) -> FieldIssue {
        FieldIssue(
            path, "noRate", "There is no rate for \(currency); give the amount in \(home).",
            zh: "没有 \(currency) 的汇率，请以 \(home) 填写金额。")
    }

    /// A period that no report knows.
    public static func period(_ path: String, code: String) -> FieldIssue {
        FieldIssue(
            path, code, "Write the period as 2026, 2026-Q4 or 2026-11.", zh: "期间须写为 2026、2026-Q4 或 2026-11。")
    }
}

extension Refusal {
    /// 422 for a value that breaks a rule.
    public init(rule issue: FieldIssue) {
        self.init(.rule, issue.code, at: issue.path, issue.english, zh: issue.chinese)
    }
}

extension UnifiedSocialCreditCode {
    /// Refuses a code whose check digit says that it was mistyped.
    public static func check(_ text: String?, at path: String = "/creditCode") throws(Refusal) {
        guard let text, UnifiedSocialCreditCode(text) == nil else { return }
        throw Refusal(
            .rule, "creditCode", at: path, "This is no unified social credit code: check its 18 characters.",
            zh: "统一社会信用代码有误，请核对全部 18 位。")
    }
}
