// ExportView: the open export dialog: which view, which format, where to.
#pragma once

#include <string>

namespace app::ui {

struct ExportView {
    bool show = false;  // opens the dialog
    int view = 0;       // of kExportViews
    int format = 0;     // of the dialog's list
    int scale = 0;      // 0: once, 1: twice
    int theme = 0;      // of pictures; 0: light, for print, 1: dark
    std::string path;
    std::string folder;    // that was proposed: of a bare name
    std::string proposed;  // path: it follows view and format until it is edited
    std::string problem;   // why it was not written
};

}  // namespace app::ui
