#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <string>

#include "cli/option_table.h"
#include "core/config.h"

namespace sumi {

/// Reads one value of the command line. Throws Error naming the option.
template <class T>
void parse_value(const std::string& option, const std::string& text, T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    value = text;
  } else if constexpr (config_detail::IsVector<T>::value) {
    parse_value(option, text, value.emplace_back());
  } else {
    T number{};
    const auto* end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, number);
    bool fits = fault == std::errc{} && stop == end;
    if constexpr (std::floating_point<T>) fits = fits && std::isfinite(number);
    if (!fits)
      throw Error(fmt::format("{}: \"{}\" is not a {} this option can take", option, text,
                              std::integral<T> ? "whole number" : "number"),
                  fmt::format("write it like {} {}", option, std::integral<T> ? "20" : "7.5"));
    value = number;
  }
}

/// "negative_prompt" -> "--negative-prompt".
inline std::string option_name(std::string field) {
  for (auto& letter : field)
    if (letter == '_') letter = '-';
  return "--" + field;
}

/// Gives `app` one option for each field of `config`, which must outlive the parsing.
template <Config T>
void add_fields(CLI::App& app, T& config) {
  T::fields(config, [&](const char* field, auto& value, const char* description) {
    const auto& row = option_row(field);
    const auto name = option_name(field);
    std::string names = row.aliases.empty() ? name : std::string(row.aliases) + "," + name;
    using Value = std::decay_t<decltype(value)>;
    CLI::Option* option = nullptr;
    if constexpr (std::is_same_v<Value, bool>) {
      option = app.add_flag(names, value, description);
    } else {
      const auto take = [name, &value](const CLI::results_t& given) {
        for (const auto& text : given) parse_value(name, text, value);
        return true;
      };
      option = app.add_option(names, take, description)->type_name(std::string(row.value));
      option->expected(1)->take_last();
      if constexpr (config_detail::IsVector<Value>::value)
        option->take_all()->expected(1, -1)->allow_extra_args();
    }
    option->group(std::string(row.group));
  });
}

}  // namespace sumi
