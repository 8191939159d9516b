//! Where a source can be changed by little: the mutants of a file, each an expression or a statement with another in its place.
//!
//! What stands in no function is left alone: constants are computed before any switch could be read. So is what is for tests, and what
//! only tells people something: `Display`, `Debug`, assertions.

use std::ops::Range;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Stmt, UnOp};

/// How a place is changed where its mutant is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another expression stands there.
    Expression(String),
    /// The statement is left out.
    Nothing,
    /// The arm is passed over: its pattern ends here.
    Arm,
    /// The function returns this at once: its body begins here.
    Return(String),
}

/// One change that the tests are to notice.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The octets of the file that are changed, or the place where something is put in.
    pub range: Range<usize>,
    pub change: Change,
    pub line: usize,
    /// The function it is in, after its type.
    pub function: String,
}

/// All mutants of this source.
///
/// # Errors
///
/// It is no Rust that `syn` reads.
pub fn mutants(text: &str) -> Result<Vec<Mutant>, syn::Error> {
    let file = syn::parse_file(text)?;
    let mut finder = Finder { text, found: Vec::new(), within: Vec::new(), functions: 0 };
    finder.visit_file(&file);
    Ok(finder.found)
}

struct Finder<'t> {
    text: &'t str,
    found: Vec<Mutant>,
    /// The names of the items around.
    within: Vec<String>,
    /// How many functions are around.
    functions: usize,
}

impl Finder<'_> {
    fn add(&mut self, span: Span, change: Change) {
        self.add_at(span.byte_range(), span.start().line, change);
    }

    fn add_at(&mut self, range: Range<usize>, line: usize, change: Change) {
        if self.functions > 0 {
            self.found.push(Mutant { range, change, line, function: self.within.join("::") });
        }
    }

    fn text(&self, span: Span) -> &str {
        &self.text[span.byte_range()]
    }

    fn both(&mut self, condition: &Expr) {
        if !matches!(condition, Expr::Let(_) | Expr::Lit(_)) && !has_let(condition) {
            for value in ["true", "false"] {
                self.add(condition.span(), Change::Expression(value.into()));
            }
        }
    }

    fn function(
        &mut self,
        name: &syn::Ident,
        output: &syn::ReturnType,
        block: &syn::Block,
        visit: impl FnOnce(&mut Self),
    ) {
        self.within.push(name.to_string());
        self.functions += 1;
        let at = block.brace_token.span.open().byte_range().end;
        for value in returned(output, self.text) {
            self.add_at(at..at, block.span().start().line, Change::Return(value));
        }
        visit(self);
        self.functions -= 1;
        self.within.pop();
    }
}

/// What stands in a function's place, by what it returns.
fn returned(output: &syn::ReturnType, text: &str) -> Vec<String> {
    let syn::ReturnType::Type(_, kind) = output else { return vec![String::new()] };
    let kind = text[kind.span().byte_range()].replace(' ', "");
    let values: &[&str] = match kind.as_str() {
        "bool" => &["true", "false"],
        "u8" | "u16" | "u32" | "u64" | "usize" => &["0", "1"],
        "Instant" => &["Instant::EPOCH", "Instant::MAX"],
        _ if kind.starts_with("Option<") => &["None"],
        _ if kind.starts_with("Result<(),") => &["Ok(())"],
        _ => &[],
    };
    values.iter().map(|value| value.to_string()).collect()
}

fn has_let(condition: &Expr) -> bool {
    struct Lets(bool);
    impl Visit<'_> for Lets {
        fn visit_expr_let(&mut self, _: &syn::ExprLet) {
            self.0 = true;
        }
    }
    let mut lets = Lets(false);
    lets.visit_expr(condition);
    lets.0
}

/// The operators that stand in the place of this one.
fn others(operator: &BinOp) -> &'static [&'static str] {
    match operator {
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) => &["+"],
        BinOp::Div(_) => &["*"],
        BinOp::Rem(_) => &["/"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::BitAnd(_) => &["|"],
        BinOp::BitOr(_) => &["&"],
        BinOp::BitXor(_) => &["|"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::Lt(_) => &["<=", ">="],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Gt(_) => &[">=", "<="],
        BinOp::Ge(_) => &[">", "<"],
        _ => &[],
    }
}

/// Is it for tests alone, or never compiled here?
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let said = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        attribute.path().is_ident("test") || (attribute.path().is_ident("cfg") && said.contains("test"))
    })
}

/// Does it only tell people something, or compare and hash what is data?
fn only_tells(of: &syn::Path) -> bool {
    let last = of.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    matches!(last.as_str(), "Display" | "Debug" | "Hash" | "Error" | "Default" | "Clone")
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if is_for_tests(&item.attrs) || item.trait_.as_ref().is_some_and(|(_, of, _)| only_tells(of)) {
            return;
        }
        let name = if let syn::Type::Path(path) = &*item.self_ty { path.path.segments.last() } else { None };
        self.within.extend(name.map(|segment| segment.ident.to_string()));
        visit::visit_item_impl(self, item);
        if name.is_some() {
            self.within.pop();
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            self.function(&item.sig.ident, &item.sig.output, &item.block, |finder| {
                visit::visit_block(finder, &item.block)
            });
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        // as with calls of them
        let asserts = item.sig.ident == "check" || item.sig.ident.to_string().starts_with("check_halves");
        if !is_for_tests(&item.attrs) && !asserts {
            self.function(&item.sig.ident, &item.sig.output, &item.block, |finder| {
                visit::visit_block(finder, &item.block)
            });
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig.ident, &item.sig.output, block, |finder| visit::visit_block(finder, block));
        }
    }

    // computed before a switch could be read
    fn visit_item_const(&mut self, _: &'a syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'a syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'a syn::TraitItemConst) {}
    fn visit_item_static(&mut self, _: &'a syn::ItemStatic) {}
    fn visit_expr_const(&mut self, _: &'a syn::ExprConst) {}
    fn visit_type(&mut self, _: &'a syn::Type) {}
    fn visit_pat(&mut self, _: &'a syn::Pat) {}
    fn visit_generic_argument(&mut self, _: &'a syn::GenericArgument) {}
    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}
    fn visit_macro(&mut self, _: &'a syn::Macro) {}

    fn visit_expr_repeat(&mut self, expression: &'a syn::ExprRepeat) {
        self.visit_expr(&expression.expr);
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Expr(expression, Some(_)) = statement {
            let changes = match expression {
                Expr::MethodCall(_) | Expr::Call(_) | Expr::Assign(_) => true,
                Expr::Binary(binary) => matches!(
                    binary.op,
                    BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::BitOrAssign(_) | BinOp::BitAndAssign(_)
                ),
                _ => false,
            };
            // assertions of debug builds find mutants, and are none
            if changes && self.text(statement.span()) != "self.check();" {
                self.add(statement.span(), Change::Nothing);
            }
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_binary(&mut self, binary: &'a syn::ExprBinary) {
        let (left, right) = (self.text(binary.left.span()).to_string(), self.text(binary.right.span()).to_string());
        if !has_let(&binary.left) && !has_let(&binary.right) {
            for other in others(&binary.op) {
                // as much of it as the operator binds
                let text = if matches!(*other, "&&" | "||" | "-" | "+" | "*" | "/" | "&" | "|" | "<<" | ">>") {
                    format!("({left}) {other} ({right})")
                } else {
                    format!("{left} {other} {right}")
                };
                self.add(binary.span(), Change::Expression(text));
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'a syn::ExprUnary) {
        if matches!(unary.op, UnOp::Not(_)) {
            self.add(unary.span(), Change::Expression(self.text(unary.expr.span()).to_string()));
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_if(&mut self, branch: &'a syn::ExprIf) {
        self.both(&branch.cond);
        visit::visit_expr_if(self, branch);
    }

    fn visit_expr_match(&mut self, expression: &'a syn::ExprMatch) {
        let last = expression.arms.last();
        let has_rest = last.is_some_and(|arm| matches!(arm.pat, syn::Pat::Wild(_)) && arm.guard.is_none());
        for (place, arm) in expression.arms.iter().enumerate() {
            if let Some((_, guard)) = &arm.guard {
                self.both(guard);
            } else if has_rest && place + 1 < expression.arms.len() {
                let at = arm.pat.span().byte_range().end;
                self.add_at(at..at, arm.span().start().line, Change::Arm);
            }
        }
        visit::visit_expr_match(self, expression);
    }
}
