export {
  type RegisterOptions,
  type ResolvedRegisterOptions,
  registerDefaults,
  resolveRegisterOptions,
} from './options.ts';
export { RegisterRuntime } from './register-runtime.ts';
