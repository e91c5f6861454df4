import Contracts
import Entities
import Foundation
import JSON
import Values

extension Account: Aggregate, ExternallyKnown {
    init(id: UUID, at now: Timestamp) {
        self.init(id: id, code: "", name: "", createdAt: now, updatedAt: now)
    }

    static let catalogue = Entity<Account>(
        "account", zh: "客户", en: "Account", custom: \.custom,
        headFields + [
            Field("code", \.code, .string(max: 40), zh: "编码", en: "Code", [.readOnly, .unique]),
            Field("name", \.name, .string(max: 300), zh: "名称", en: "Name", [.required, .searchable]),
            Field("kind", \.kind, .choice(of: Account.Kind.self), zh: "类型", en: "Kind"),
            Field("aliases", \.aliases, .list(.string(max: 300), max: 50), zh: "别名", en: "Aliases"),
            Field("parentId", \.parentID, .reference(to: "account"), zh: "上级客户", en: "Parent", column: "parent_id"),
            Field("creditCode", \.creditCode, .string(max: 18), zh: "统一社会信用代码", en: "Credit code"),
            Field("industry", \.industry, .string, zh: "行业", en: "Industry", .indexed),
            Field("employees", \.employees, .integer, zh: "员工数", en: "Employees"),
            Field("annualRevenue", \.annualRevenue, .money, zh: "年营收", en: "Annual revenue"),
            Field("country", \.country, .string, zh: "国家", en: "Country"),
            Field("region", \.region, .string, zh: "地区", en: "Region", .indexed),
            Field("address", \.address, .string(max: 500), zh: "地址", en: "Address"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone", [.sensitive, .searchable]),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail", [.sensitive, .searchable]),
            Field("website", \.website, .url, zh: "网站", en: "Website"),
            Field("ownerId", \.ownerID, .reference(to: "user"), zh: "负责人", en: "Owner", .indexed),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team", .indexed),
            Field("businessLineId", \.businessLineID, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("source", \.source, .string, zh: "来源", en: "Source"),
            Field("leadId", \.leadID, .reference(to: "lead"), zh: "线索", en: "Lead", .readOnly),
            Field(
                "lifecycle", \.lifecycle, .choice(of: LifecycleState.self), zh: "生命周期", en: "Lifecycle",
                [.readOnly, .indexed]),
            Field("lifecycleSince", \.lifecycleSince, .timestamp, zh: "进入时间", en: "In this state since", .readOnly),
            Field("orderCount", \.orderCount, .integer, zh: "订单数", en: "Orders", .readOnly),
            Field("orderValue", \.orderValue, .money, zh: "订单金额", en: "Value of orders", .readOnly),
            Field("firstOrderDate", \.firstOrderDate, .date, zh: "首单日期", en: "First order", .readOnly),
            Field("lastOrderDate", \.lastOrderDate, .date, zh: "最近订单日期", en: "Last order", .readOnly),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system", .createOnly),
            Field("externalId", \.externalID, .string, zh: "外部编号", en: "External id", [.createOnly, .unique]),
        ])
}

extension Account.Kind: LabelledChoice {
    var labels: (zh: String, en: String) {
        switch self {
        case .company: ("企业", "Company")
        case .person: ("个人", "Person")
        }
    }
}

extension Contact: Aggregate, ExternallyKnown {
    init(id: UUID, at now: Timestamp) { self.init(id: id, name: "", createdAt: now, updatedAt: now) }

    static let catalogue = Entity<Contact>(
        "contact", zh: "联系人", en: "Contact", custom: \.custom,
        headFields + [
            Field("accountId", \.accountID, .reference(to: "account"), zh: "客户", en: "Account", .indexed),
            Field("name", \.name, .string, zh: "姓名", en: "Name", [.required, .searchable]),
            Field("title", \.title, .string, zh: "职务", en: "Title"),
            Field("department", \.department, .string, zh: "部门", en: "Department"),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone", [.sensitive, .searchable]),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail", [.sensitive, .searchable]),
            Field("isPrimary", \.isPrimary, .boolean, zh: "主要联系人", en: "Primary"),
            Field("ownerId", \.ownerID, .reference(to: "user"), zh: "负责人", en: "Owner", .indexed),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("leadId", \.leadID, .reference(to: "lead"), zh: "线索", en: "Lead", .readOnly),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system", .createOnly),
            Field("externalId", \.externalID, .string, zh: "外部编号", en: "External id", [.createOnly, .unique]),
        ])
}

extension Order: Aggregate, ExternallyKnown {
    init(id: UUID, at now: Timestamp) {
        self.init(
            id: id, accountID: nil, externalSystem: nil, externalID: nil, orderedOn: now.date(in: .gmt),
            amount: .zero(.cny), createdAt: now, updatedAt: now)
    }

    static let catalogue = Entity<Order>(
        "order", zh: "订单", en: "Order", custom: \.custom,
        headFields + [
            Field("accountId", \.accountID, .reference(to: "account"), zh: "客户", en: "Account", .indexed),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system", .createOnly),
            Field("externalId", \.externalID, .string, zh: "外部编号", en: "External id", [.createOnly, .unique]),
            Field(
                "orderedOn", \.orderedOn, .date, zh: "订单日期", en: "Order date", [.required, .indexed],
                help: "In the tenant's time zone."),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount", .required, help: "0 is an order, too."),
            Field("status", \.status, .choice(of: Order.Status.self), zh: "状态", en: "Status", .indexed),
            Field("productId", \.productID, .reference(to: "product"), zh: "产品", en: "Product"),
            Field("quantity", \.quantity, .integer, zh: "数量", en: "Quantity"),
            Field("opportunityId", \.opportunityID, .reference(to: "opportunity"), zh: "商机", en: "Opportunity"),
            Field("ownerId", \.ownerID, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineID, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("channel", \.channel, .string, zh: "渠道", en: "Channel"),
            Field("description", \.description, .text, zh: "描述", en: "Description"),
        ])
}

extension Order.Status: LabelledChoice {
    var labels: (zh: String, en: String) {
        switch self {
        case .placed: ("已下单", "Placed")
        case .returned: ("已退货", "Returned")
        case .cancelled: ("已取消", "Cancelled")
        }
    }
}
