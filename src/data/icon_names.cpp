#include "data/icon_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace sumi {
namespace {

/// What icon sets put before a thing to sort it: dropped where more words follow.
constexpr std::string_view kChapters[] = {"aircraft",
                                          "amusement park",
                                          "animal products",
                                          "allowances",
                                          "accessories",
                                          "analytics",
                                          "award",
                                          "astronomy",
                                          "board game",
                                          "body care",
                                          "business",
                                          "card game",
                                          "casino",
                                          "circus",
                                          "common",
                                          "content",
                                          "controls",
                                          "cash payment",
                                          "crypto currency",
                                          "dentistry",
                                          "design tool",
                                          "design",
                                          "disability",
                                          "drugs",
                                          "e commerce",
                                          "electronics",
                                          "fast food",
                                          "fitness",
                                          "fruit",
                                          "gymnastics",
                                          "hair dress",
                                          "human resources",
                                          "instrument",
                                          "lab",
                                          "laundry",
                                          "learning",
                                          "locker room",
                                          "messages",
                                          "modern music",
                                          "modern tv",
                                          "movies",
                                          "music",
                                          "natural disaster",
                                          "network",
                                          "outdoors",
                                          "photography equipment",
                                          "products",
                                          "ranking",
                                          "science fiction",
                                          "science",
                                          "space",
                                          "sign badge",
                                          "temperature",
                                          "single neutral actions",
                                          "single man actions",
                                          "single woman actions",
                                          "adventure",
                                          "weather"};

constexpr std::string_view kCounters[] = {"one",  "two", "three",     "four",
                                          "five", "six", "alternate", "alt"};

constexpr std::string_view kBrands[] = {
    "adobe",      "airbnb",    "amazon",     "amex",      "android",  "apple logo", "baidu",
    "behance",    "bing",      "blackberry", "dropbox",   "facebook", "flickr",     "github",
    "google",     "instagram", "iphone",     "ipad",      "kindle",   "linkedin",   "mastercard",
    "mitsubishi", "paypal",    "pinterest",  "reddit",    "skype",    "slack",      "snapchat",
    "spotify",    "tiktok",    "twitter",    "van damme", "viber",    "vimeo",      "visa",
    "vlc",        "wechat",    "whatsapp",   "xbox",      "youtube",  "logo",       "bitcoin"};

constexpr std::string_view kSignChapters[] = {"Abstract",
                                              "Arrows",
                                              "ArrowsDiagrams",
                                              "Base",
                                              "Components",
                                              "Connect",
                                              "Constellation",
                                              "Datas",
                                              "Edit",
                                              "Graphics",
                                              "InterfaceEssential",
                                              "InternetNetworksServers",
                                              "Measurement",
                                              "Operate",
                                              "ProgramingAppsWebsites",
                                              "Symbols",
                                              "Users",
                                              "EmailMessages",
                                              "Emails",
                                              "FilesFolders",
                                              "MessagesChatSmileys",
                                              "Wayfinding",
                                              "Content",
                                              "Communicate"};

constexpr std::string_view kBrandChapters[] = {"Brand", "Logos", "SocialMediasRewardsRating"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool is_number(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::vector<std::string> parts_of(std::string_view identifier) {
  std::vector<std::string> parts(1);
  for (const char c : identifier) {
    if (c == '-' || c == '_' || c == ' ') {
      if (!parts.back().empty()) parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : " ") + part;
  return text;
}

std::string without_chapter(std::string name) {
  std::size_t longest = 0;
  for (const auto chapter : kChapters)
    if (name.starts_with(chapter) && name.size() > chapter.size() + 1 &&
        name[chapter.size()] == ' ')
      longest = std::max(longest, chapter.size() + 1);
  return name.substr(longest);
}

bool names_brand(const std::string& name) {
  const auto spaced = fmt::format(" {} ", name);
  return std::any_of(std::begin(kBrands), std::end(kBrands), [&](std::string_view brand) {
    return spaced.find(fmt::format(" {} ", brand)) != spaced.npos;
  });
}

}  // namespace

std::string icon_name(std::string_view identifier) {
  auto parts = parts_of(identifier);
  while (parts.size() > 1 && (is_number(parts.back()) || contains(kCounters, parts.back())))
    parts.pop_back();
  if (parts.empty() || parts.size() > 7 || parts[0] == "abstract") return "";
  const auto has_digit = [](const std::string& part) {
    return std::any_of(part.begin(), part.end(),
                       [](unsigned char c) { return std::isalpha(c) == 0; });
  };
  if (std::any_of(parts.begin(), parts.end(), has_digit)) return "";
  auto name = joined(parts);
  if (names_brand(name)) return "";
  name = without_chapter(std::move(name));
  return name.size() < 3 ? "" : name;
}

bool is_sign_chapter(std::string_view chapter) { return contains(kSignChapters, chapter); }

bool is_brand_chapter(std::string_view chapter) { return contains(kBrandChapters, chapter); }

}  // namespace sumi
