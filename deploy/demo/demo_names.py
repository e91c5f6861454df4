"""The invented names of the demo data. No company or person here is a real one."""

NANHUA = {
    "slug": "nanhua", "name": "华南事业部", "timeZone": "Asia/Shanghai", "currency": "CNY", "language": "zh",
    "leads": 120, "regions": ["深圳", "广州", "东莞"], "rest": "其余线索", "pipeline": "标准销售流程",
    "stages": ["初步接洽", "需求", "方案", "报价谈判", "签单"],
    "lines": [("storage", "存储产品线"), ("network", "网络产品线")],
    "people": [
        ("lin.yuhe", "林语禾", "manager", "深圳"), ("zhao.mingqu", "赵明渠", "sales", "深圳"),
        ("su.wanqing", "苏晚晴", "sales", "深圳"), ("he.jinzhou", "何锦舟", "sales", "广州"),
        ("tang.ruoxi", "唐若溪", "sales", "广州"), ("peng.siyan", "彭思砚", "sales", "东莞"),
    ],
    "sources": [
        ("website", "官网", "ownSite"), ("expo", "展会", "event"), ("referral", "转介绍", "referral"),
        ("visit", "陌拜", "coldVisit"),
    ],
    "products": [
        ("云杉存储 S2", "云杉", ["云杉S2"], 68000), ("云杉存储 S8", "云杉", ["云杉S8"], 246000),
        ("青鸾交换机 48", "青鸾", [], 18800), ("青鸾网关", "青鸾", [], 32600),
    ],
    "heads": ["岭海", "鹏澜", "粤衡", "南澄", "云珀", "穗禾", "莞诚", "星屿", "海拓", "木棉"],
    "trades": ["精密制造", "供应链", "电子科技", "医疗器械", "新材料", "食品", "物流", "教育科技"],
    "suffix": "有限公司",
    "persons": ["梁先生", "周女士", "吴经理", "郑主任", "冯女士", "黎先生", "欧阳经理"],
    "phone": "1380000{:04}",
}

HARDWARE = {
    "slug": "hardware-demo", "name": "Hardware demo", "timeZone": "UTC", "currency": "USD", "language": "en",
    "leads": 80, "regions": ["Central", "East", "West"], "rest": "Everything else",
    "pipeline": "Standard",
    "stages": ["First contact", "Need", "Solution", "Negotiation", "Signed"],
    "lines": [("servers", "Servers"), ("terminals", "Terminals")],
    "people": [
        ("iris.holm", "Iris Holm", "manager", "Central"), ("tom.archer", "Tom Archer", "sales", "Central"),
        ("mara.voss", "Mara Voss", "sales", "East"), ("leo.finch", "Leo Finch", "sales", "East"),
        ("june.park", "June Park", "sales", "West"),
    ],
    "sources": [
        ("website", "Web site", "ownSite"), ("fair", "Trade fair", "event"), ("referral", "Referral", "referral"),
        ("ads", "Ad platform", "adPlatform"),
    ],
    "products": [
        ("Rack R1", "Rack", ["RackR1"], 4800), ("Rack R4", "Rack", [], 26700), ("Desk D2", "Desk", [], 550),
        ("Desk D5", "Desk", [], 1090),
    ],
    "heads": ["Brightwater", "Northfold", "Cedar Gate", "Hollin", "Larkspur", "Tidemark", "Oakmere", "Pellworth"],
    "trades": [" Logistics", " Foods", " Instruments", " Clinics", " Textiles", " Robotics", " Energy"],
    "suffix": " Ltd", "persons": ["P. Marsh", "K. Osei", "R. Duval", "S. Lindqvist", "A. Moreno"],
    "phone": "+1212555{:04}",
}
