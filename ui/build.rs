//! Compiles `app.slint`, bundles the catalogues of `lang/`, and keeps element names when a test needs them.
//! Nothing else.

fn main() -> Result<(), slint_build::CompileError> {
    let testing = std::env::var_os("CARGO_FEATURE_TESTING").is_some();
    let configuration = slint_build::CompilerConfiguration::new()
        .with_style("fluent".into())
        .with_default_translation_context(slint_build::DefaultTranslationContext::None)
        .with_bundled_translations("lang")
        .with_debug_info(testing);
    slint_build::compile_with_config("app.slint", configuration)
}
