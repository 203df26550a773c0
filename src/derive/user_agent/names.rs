//! The names of browsers, systems, crawlers and tools, and the tokens that betray them.
//!
//! Every row says why it is there where that is not plain.

use crate::report::Device;

/// Browsers that woothee misses or misnames, most specific first: the first row found decides.
pub const BROWSERS: &[(&str, &str)] = &[
    // Apps showing pages in the system's web view; woothee says Webview, Safari or Chrome.
    ("Instagram", "Instagram"), // before Facebook, whose tokens it may carry too
    ("FBAN/", "Facebook"),      // Messenger and the other apps of Meta included
    ("FB_IAB/", "Facebook"),
    ("FBAV/", "Facebook"),
    ("musical_ly", "TikTok"),
    ("trill_", "TikTok"),           // the name of TikTok's app in parts of Asia
    ("BytedanceWebview", "TikTok"), // debatable: ByteDance's other apps may send it too
    ("Line/", "LINE"),
    ("MicroMessenger/", "WeChat"), // before QQ Browser: its engine sends MQQBrowser/ along
    ("Snapchat/", "Snapchat"),     // says "(like Safari/...)" on iOS
    ("Pinterest/", "Pinterest"),   // "[Pinterest/iOS]" has no version
    ("KAKAOTALK", "KAKAOTALK"),
    ("[LinkedInApp]/", "LinkedIn"),
    ("GSA/", "Google Search App"), // woothee knows it on iOS only
    ("QQ/", "QQ"),                 // the messenger; like WeChat, before the browser
    // Desktop apps built on Electron, and on WebView2 for the new Teams, which sends Edg/ as well.
    ("Slack_SSB/", "Slack"),
    ("Slack/", "Slack"),
    ("Teams/", "Teams"),
    ("Electron/", "Electron"),
    // Browsers on another's engine; they keep the Chrome/, Edg/ or Safari/ token.
    ("BB10", "BlackBerry"),
    ("BlackBerry", "BlackBerry"),
    ("HeadlessChrome", "HeadlessChrome"), // a pc: as often a test runner as a robot
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"), // the newer token
    ("Brave/", "Brave"),    // old ones; today it passes for Chrome
    ("Brave Chrome/", "Brave"),
    ("Brave", "Brave"), // iOS: a bare word at the end, without a version
    ("QQBrowser/", "QQ Browser"),
    ("MQQBrowser/", "QQ Browser"),
    ("UCBrowser", "UC Browser"), // before Opera Mini, which it imitates; old ones put no slash
    ("UCWEB", "UC Browser"),
    ("UCMobile/", "UC Browser"), // what it calls itself on Android 15
    ("MiuiBrowser/", "MIUI Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("HeyTapBrowser/", "HeyTap Browser"), // Oppo, Realme, OnePlus
    ("VivoBrowser/", "Vivo Browser"),
    ("YaBrowser/", "Yandex Browser"), // woothee wants four numbers in the version
    ("YaSearchBrowser/", "Yandex Search App"), // its numbers are not the browser's
    ("YandexSearch/", "Yandex Search App"),
    ("Whale/", "Whale"),
    ("Silk/", "Silk"), // Fire OS only; old ones claim a Mac or a bare Linux
    ("Puffin/", "Puffin"),
    ("Maxthon", "Maxthon"), // "Maxthon 2.0" inside an MSIE string has no slash
    ("MAXTHON", "Maxthon"),
    ("MxBrowser/", "Maxthon"), // on Android, in a web view
    ("Sleipnir/", "Sleipnir"), // on Android, in a web view; in an MSIE string on Windows
    // Gecko's relatives; some drop the Firefox/ token, others keep it for compatibility.
    ("SeaMonkey/", "SeaMonkey"),
    ("PaleMoon/", "Pale Moon"),
    ("Iceweasel/", "Iceweasel"), // Debian's Firefox up to 2016
    // Debatable: not called Firefox, as its old numbers are those of a shell around the system's
    // web view and would read as an ancient Firefox. Today's, on Android, sends Firefox/ alone.
    ("Focus/", "Firefox Focus"),
    // WebKit and KHTML on free desktops, which woothee takes for Safari or knows nothing of.
    ("Epiphany/", "Epiphany"),
    ("Konqueror/", "Konqueror"),
    // Opera. Debatable: Mini keeps its own name, since its pages are rendered on a server.
    ("Opera Mini/", "Opera Mini"),
    ("OPR/", "Opera"), // woothee takes it for a web view if "wv" is near
    ("OPT/", "Opera"), // Opera Touch, later Opera for iOS
    ("OPX/", "Opera"), // Opera GX
    ("OPiOS/", "Opera"),
    ("Opera", "Opera"), // Presto; woothee falls for its MSIE disguise
    // Browsers of iOS by name: an iPad asks for desktop pages and then claims to be a Mac.
    ("CriOS/", "Chrome"),
    ("FxiOS/", "Firefox"),
    ("EdgiOS/", "Edge"),
    ("Edge/", "Edge"), // woothee names the Xbox in its place
    ("Edg/", "Edge"),
];

/// Systems and devices that woothee misses, first hit wins.
pub const SYSTEMS: &[(&str, &str, Device)] = &[
    ("Xbox", "Xbox", Device::Appliance), // before Windows, which it claims too
    ("PlayStation", "PlayStation", Device::Appliance), // woothee ends at 4
    ("Nintendo", "Nintendo", Device::Appliance), // woothee ends at the Wii U
    ("(PC; OpenHarmony", "HarmonyOS", Device::Pc), // before Windows, which it claims too
    ("OpenHarmony", "HarmonyOS", Device::Smartphone), // claims no Linux and no Android
    ("HarmonyOS", "HarmonyOS", Device::Smartphone), // up to 4, an Android by another name
    ("Windows NT", "Windows", Device::Pc), // woothee has no NT 5.2, nor any after 10.0
    ("KAIOS/", "KaiOS", Device::Smartphone), // a Firefox to woothee
    ("Tizen", "Tizen", Device::Smartphone), // phones and, with the word TV, televisions
    ("Web0S", "webOS", Device::Appliance), // LG televisions, spelt with a zero
    ("OpenBSD", "BSD", Device::Pc),      // woothee knows FreeBSD only
    ("J2ME/MIDP", "Java ME", Device::MobilePhone), // Opera Mini on feature phones
];

/// Robots by their token in lower case. Bots, spiders and crawlers need a row only to be named.
pub const CRAWLERS: &[(&str, &str)] = &[
    ("adsbot-google", "AdsBot-Google"),
    ("googlebot", "Googlebot"), // its smartphone string is one of Chrome for Android otherwise
    ("google-inspectiontool", "Google-InspectionTool"),
    ("googleother", "GoogleOther"),
    ("chrome-lighthouse", "Lighthouse"), // PageSpeed Insights
    ("bingbot", "Bingbot"),
    ("bingpreview", "BingPreview"),
    ("applebot", "Applebot"),
    ("baiduspider", "Baiduspider"),
    ("yandexbot", "YandexBot"),
    ("yandex.com/bots", "YandexBot"), // the address all its robots give
    ("bytespider", "Bytespider"),
    ("gptbot", "GPTBot"),
    ("chatgpt-user", "ChatGPT-User"),
    ("claudebot", "ClaudeBot"),
    ("claude-user", "Claude-User"),
    ("perplexitybot", "PerplexityBot"),
    ("perplexity-user", "Perplexity-User"),
    ("amazonbot", "Amazonbot"),
    ("facebookexternalhit", "facebookexternalhit"), // iMessage's previews name Twitterbot too
    ("meta-externalagent", "meta-externalagent"),
    ("meta-externalfetcher", "meta-externalfetcher"),
    ("slackbot", "Slackbot"),
    ("slack-imgproxy", "Slackbot"),
    ("telegrambot", "TelegramBot"), // before Twitterbot: says "(like TwitterBot)"
    ("twitterbot", "Twitterbot"),
    ("duckduckbot", "DuckDuckBot"),
    ("ahrefsbot", "AhrefsBot"),
    ("semrushbot", "SemrushBot"),
    ("ia_archiver", "ia_archiver"),
    ("phantomjs", "PhantomJS"), // dead since 2018: nobody browses with it
];

/// Tools and HTTP libraries, looked for only in strings that do not open like a browser's.
pub const TOOLS: &[(&str, &str)] = &[
    ("curl/", "curl"), // woothee gives them all one name, and theirs as the version
    ("Wget", "wget"),
    ("python-requests/", "python-requests"),
    ("aiohttp/", "aiohttp"), // "Python/3.12 aiohttp/3.9.1"
    ("Go-http-client/", "Go-http-client"),
    ("okhttp/", "okhttp"),
    ("axios/", "axios"),
    ("Scrapy/", "Scrapy"),
    ("node-fetch", "node-fetch"), // its third version sends no number
    ("Apache-HttpClient/", "Apache-HttpClient"),
    ("Java-http-client/", "Java"),
    ("Java/", "Java"),
];

/// Gives this module's name for one of woothee's. Carriers, consoles and the like are no browsers.
pub fn browser_name(woothee: &str) -> Option<&'static str> {
    Some(match woothee {
        "Chrome" => "Chrome",
        "Edge" => "Edge",
        "Firefox" => "Firefox",
        "Google Search App" => "Google Search App",
        "HTTP Library" => "HTTP Library",
        "Internet Explorer" => "Internet Explorer",
        "Opera" => "Opera",
        "RSSReader" | "Safari RSSReader" | "Windows RSSReader" => "RSS Reader",
        "Safari" => "Safari",
        "SamsungBrowser" => "Samsung Internet",
        "Sleipnir" => "Sleipnir",
        "Vivaldi" => "Vivaldi",
        "Yandex Browser" => "Yandex Browser",
        _ => return None,
    })
}

/// Gives the system's name without its version for one of woothee's.
pub fn os_name(woothee: &str) -> Option<&'static str> {
    Some(match woothee {
        "Windows Phone OS" | "Windows CE" => "Windows Phone",
        windows if windows.starts_with("Windows ") => "Windows",
        "Mac OSX" | "Mac OS Classic" => "macOS",
        "iPhone" | "iPad" | "iPod" | "iOS" => "iOS",
        "Android" => "Android",
        "Linux" => "Linux",
        "ChromeOS" => "ChromeOS",
        "BSD" => "BSD",
        "Firefox OS" => "Firefox OS",
        "BlackBerry" | "BlackBerry 10" => "BlackBerry",
        "SymbianOS" => "Symbian",
        _ => return None,
    })
}
