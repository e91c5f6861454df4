import Contracts
import Entities
import Foundation
import JSON
import Values

extension Lead: Aggregate, ExternallyKnown {
    init(id: UUID, at now: Timestamp) {
        self.init(id: id, lastTouchAt: now, createdAt: now, updatedAt: now)
    }

    static let catalogue = Entity<Lead>(
        "lead", zh: "线索", en: "Lead", custom: \.custom,
        headFields + [
            Field("company", \.company, .string(max: 300), zh: "公司", en: "Company", .searchable),
            Field("person", \.person, .string, zh: "联系人", en: "Person", .searchable),
            Field("title", \.title, .string, zh: "职务", en: "Title"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone", [.sensitive, .searchable]),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail", [.sensitive, .searchable]),
            Field("creditCode", \.creditCode, .string(max: 18), zh: "统一社会信用代码", en: "Credit code"),
            Field("region", \.region, .string, zh: "地区", en: "Region", .indexed),
            Field("industry", \.industry, .string, zh: "行业", en: "Industry"),
            Field("employees", \.employees, .integer, zh: "员工数", en: "Employees"),
            Field("product", \.product, .string, zh: "意向产品", en: "Product"),
            Field("need", \.need, .text, zh: "需求", en: "Need"),
            Field("amount", \.amount, .money, zh: "预计金额", en: "Amount"),
            Field("source", \.source, .string, zh: "首次来源", en: "First source", [.createOnly, .indexed]),
            Field("lastSource", \.lastSource, .string, zh: "最近来源", en: "Last source", .readOnly),
            Field("touches", \.touches, .integer, zh: "接触次数", en: "Touches", .readOnly),
            Field("lastTouchAt", \.lastTouchAt, .timestamp, zh: "最近接触时间", en: "Last touch at", .readOnly),
            Field("status", \.status, .choice(of: LeadStatus.self), zh: "状态", en: "Status", [.readOnly, .indexed]),
            Field(
                "disqualifiedReason", \.disqualifiedReason, .string(max: 500), zh: "无效原因",
                en: "Reason of disqualification", .readOnly),
            Field("grade", \.grade, .choice(of: Grade.self), zh: "等级", en: "Grade", [.readOnly, .indexed]),
            Field("points", \.points, .integer(-1_000_000...1_000_000), zh: "评分", en: "Points", .readOnly),
            Field("ownerId", \.ownerID, .reference(to: "user"), zh: "负责人", en: "Owner", [.createOnly, .indexed]),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team", [.createOnly, .indexed]),
            Field("businessLineId", \.businessLineID, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("assignmentRuleId", \.assignmentRuleID, .uuid, zh: "分配规则", en: "Assignment rule", .readOnly),
            Field("nextStep", \.nextStep, .string(max: 500), zh: "下一步", en: "Next step"),
            Field("nextStepAt", \.nextStepAt, .timestamp, zh: "下一步时间", en: "Next step at"),
            Field("firstContactAt", \.firstContactAt, .timestamp, zh: "首次联系时间", en: "First contact at", .readOnly),
            Field("lastActivityAt", \.lastActivityAt, .timestamp, zh: "最近跟进时间", en: "Last activity at", .readOnly),
            Field("conversionId", \.conversionID, .uuid, zh: "转化编号", en: "Conversion", [.readOnly, .notInEvents]),
            Field("convertedAt", \.convertedAt, .timestamp, zh: "转化时间", en: "Converted at", .readOnly),
            Field("accountId", \.accountID, .reference(to: "account"), zh: "客户", en: "Account", .readOnly),
            Field("contactId", \.contactID, .reference(to: "contact"), zh: "联系人", en: "Contact", .readOnly),
            Field(
                "opportunityId", \.opportunityID, .reference(to: "opportunity"), zh: "商机", en: "Opportunity", .readOnly),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system", .createOnly),
            Field("externalId", \.externalID, .string, zh: "外部编号", en: "External id", [.createOnly, .unique]),
        ])
}

extension Grade: LabelledChoice {
    var labels: (zh: String, en: String) { (rawValue, rawValue) }
}

extension Source: Aggregate {
    init(id: UUID, at now: Timestamp) {
        self.init(id: id, key: "", name: "", kind: .other, createdAt: now, updatedAt: now)
    }

    static let catalogue = Entity<Source>(
        "source", zh: "线索来源", en: "Source", custom: \.custom,
        headFields + [
            Field("key", \.key, .string(max: 100), zh: "标识", en: "Key", [.required, .unique]),
            Field("name", \.name, .string, zh: "名称", en: "Name", .required),
            Field("kind", \.kind, .choice(of: Source.Kind.self), zh: "类型", en: "Kind"),
            Field("lawfulBasis", \.lawfulBasis, .string(max: 500), zh: "合法依据", en: "Lawful basis"),
            Field("isActive", \.isActive, .boolean, zh: "启用", en: "Active"),
        ])
}

extension Source.Kind: LabelledChoice {
    var labels: (zh: String, en: String) { (label.zh, label.en) }
}
