/** Starts the page. */
import "@mantine/core/styles.css"
import { createTheme, MantineProvider } from "@mantine/core"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { App } from "./App.tsx"
import "./style.css"

const theme = createTheme({ primaryColor: "indigo", primaryShade: { light: 8, dark: 7 }, autoContrast: true })

const root = document.getElementById("root")
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <App />
      </MantineProvider>
    </StrictMode>
  )
}
