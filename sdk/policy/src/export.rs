//! The macro that makes a component of a policy.

/// Exports a [`Policy`](crate::Policy) as the component's hooks. Once per crate.
#[macro_export]
macro_rules! export {
    ($policy:ty) => {
        #[expect(unsafe_code, reason = "exported functions are called by pointer")]
        const _: () = {
            use $crate::bindings::exports::tbengine::policy::{hooks, setup};
            use $crate::types::{
                ConfigError, Context, Description, Failure, Interest, Resource, RetryAction, Verdict,
            };

            ::std::thread_local! {
                static POLICY: ::std::cell::OnceCell<$policy> = const { ::std::cell::OnceCell::new() };
            }

            struct Hooks;

            fn configured<T>(
                call: impl FnOnce(&$policy) -> ::std::result::Result<T, ::std::string::String>,
            ) -> ::std::result::Result<T, ::std::string::String> {
                $crate::rt::report_panics();
                POLICY.with(|policy| match policy.get() {
                    Some(policy) => call(policy),
                    None => Err("called before `configure`".into()),
                })
            }

            impl setup::Guest for Hooks {
                fn describe() -> Description {
                    $crate::rt::report_panics();
                    <$policy as $crate::Policy>::describe()
                }

                fn configure(
                    config: ::std::vec::Vec<(::std::string::String, ::std::string::String)>,
                ) -> ::std::result::Result<Interest, ::std::vec::Vec<ConfigError>> {
                    $crate::rt::report_panics();
                    let policy = <$policy as $crate::Policy>::configure(&$crate::params::Params::new(config))
                        .map_err(|error| vec![ConfigError { param: error.param, message: error.message }])?;
                    let interest = POLICY.with(|slot| $crate::Policy::interest(slot.get_or_init(|| policy)));
                    $crate::rt::remember_interest(&interest);
                    Ok(interest)
                }
            }

            impl hooks::Guest for Hooks {
                fn decide(
                    context: Context,
                    resources: ::std::vec::Vec<Resource>,
                ) -> ::std::result::Result<::std::vec::Vec<Verdict>, ::std::string::String> {
                    // The instance ends with the call: freeing a million strings first is time lost.
                    let resources = ::std::mem::ManuallyDrop::new(resources);
                    configured(|policy| $crate::Policy::decide(policy, &context, &resources))
                }

                fn retry(
                    context: Context,
                    failure: Failure,
                ) -> ::std::result::Result<RetryAction, ::std::string::String> {
                    configured(|policy| $crate::Policy::retry(policy, &context, &failure))
                }
            }

            #[cfg(target_arch = "wasm32")]
            #[unsafe(export_name = "cabi_realloc")]
            unsafe extern "C" fn cabi_realloc(
                old: *mut u8,
                old_size: usize,
                align: usize,
                size: usize,
            ) -> *mut u8 {
                // SAFETY: the engine keeps to the canonical ABI.
                unsafe { $crate::rt::cabi_realloc(old, old_size, align, size) }
            }

            $crate::bindings::export_hooks!(Hooks with_types_in $crate::bindings);
        };
    };
}

/// Exports a [`Veto`](crate::Veto) as the component's functions. Once per crate.
#[macro_export]
macro_rules! export_veto {
    ($veto:ty) => {
        #[expect(unsafe_code, reason = "exported functions are called by pointer")]
        const _: () = {
            use $crate::types::{
                ConfigError, Context, Description, Interest, Proposal, Resource, Vetoed,
            };
            use $crate::veto_bindings::exports::tbengine::policy::{setup, vetoes};

            ::std::thread_local! {
                static VETO: ::std::cell::OnceCell<$veto> = const { ::std::cell::OnceCell::new() };
            }

            struct Hooks;

            impl setup::Guest for Hooks {
                fn describe() -> Description {
                    $crate::rt::report_panics();
                    <$veto as $crate::Veto>::describe()
                }

                fn configure(
                    config: ::std::vec::Vec<(::std::string::String, ::std::string::String)>,
                ) -> ::std::result::Result<Interest, ::std::vec::Vec<ConfigError>> {
                    $crate::rt::report_panics();
                    let veto =
                        <$veto as $crate::Veto>::configure(&$crate::params::Params::new(config))
                            .map_err(|error| {
                                vec![ConfigError {
                                    param: error.param,
                                    message: error.message,
                                }]
                            })?;
                    let interest =
                        VETO.with(|slot| $crate::Veto::interest(slot.get_or_init(|| veto)));
                    $crate::rt::remember_interest(&interest);
                    Ok(interest)
                }
            }

            impl vetoes::Guest for Hooks {
                fn review(
                    context: Context,
                    resources: ::std::vec::Vec<Resource>,
                    proposals: ::std::vec::Vec<Proposal>,
                ) -> ::std::result::Result<::std::vec::Vec<Vetoed>, ::std::string::String> {
                    $crate::rt::report_panics();
                    let resources = ::std::mem::ManuallyDrop::new(resources);
                    VETO.with(|veto| match veto.get() {
                        Some(veto) => $crate::Veto::review(veto, &context, &resources, &proposals),
                        None => Err("called before `configure`".into()),
                    })
                }
            }

            #[cfg(target_arch = "wasm32")]
            #[unsafe(export_name = "cabi_realloc")]
            unsafe extern "C" fn cabi_realloc(
                old: *mut u8,
                old_size: usize,
                align: usize,
                size: usize,
            ) -> *mut u8 {
                // SAFETY: the engine keeps to the canonical ABI.
                unsafe { $crate::rt::cabi_realloc(old, old_size, align, size) }
            }

    $crate::veto_bindings::export_veto_hooks!(Hooks with_types_in $crate::veto_bindings);
        };
    };
}
